/**
 * Hides how a VHDX becomes a mounted block device on Linux: a daemon that shows its contents as a
 * file, a loop device on that file, and a mount. What is attached is found by looking at the
 * machine, never by remembering. Read {@link org.nixwsl.storage.linux.disk.LoopMounter} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.disk;
