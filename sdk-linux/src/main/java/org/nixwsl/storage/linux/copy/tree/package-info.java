/**
 * Writes trees with the owners, modes, times and hard links of their sources, and the threads that
 * do it. Hides how one inode stays one inode when several threads meet its names. Read {@link
 * org.nixwsl.storage.linux.copy.tree.TreeWriter} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.tree;
