/** Tests of the VHDX engine, against other programs where there are any. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx;
