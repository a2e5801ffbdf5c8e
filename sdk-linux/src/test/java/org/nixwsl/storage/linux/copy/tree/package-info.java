/** Tests of the making of trees. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.tree;
