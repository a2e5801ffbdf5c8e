/** Tests of what lies on a storage beside the stores. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.tree;
