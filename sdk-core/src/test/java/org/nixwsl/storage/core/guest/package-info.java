/** Tests of the guest protocol. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.guest;
