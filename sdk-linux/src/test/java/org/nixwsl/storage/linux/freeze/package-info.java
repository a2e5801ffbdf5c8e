/** Tests of what a freeze decides. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.freeze;
