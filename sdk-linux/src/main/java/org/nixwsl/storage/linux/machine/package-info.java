/**
 * What the kernel says of this machine: which mounts there are, which file systems can hold a
 * store, who calls. Hides the text of {@code /proc}. Read {@link
 * org.nixwsl.storage.linux.machine.MountTable} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.machine;
