/**
 * What of ours lies on a storage beside the stores: the register of owners, the leases, the trash;
 * and who uses a directory. Hides names and forms of those files, which the boot hook of the NixOS
 * module reads and writes too. Read {@link org.nixwsl.storage.linux.tree.LinuxStorageTree} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.tree;
