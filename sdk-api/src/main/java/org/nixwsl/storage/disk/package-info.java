/**
 * Virtual disks (VHDX files): what to create and what was found. Read {@link
 * org.nixwsl.storage.disk.DiskInfo} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.disk;
