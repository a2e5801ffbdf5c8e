/** Tests of the rules against their document. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx.findings;
