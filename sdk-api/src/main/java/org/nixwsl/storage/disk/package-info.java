/**
 * Virtual disks (VHDX files): what to create and what was found. Read {@link
 * org.nixwsl.storage.disk.DiskInfo} first. More than twelve types, because each call of {@link
 * org.nixwsl.storage.VhdxManager} has its own values and users look for them in one place.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.disk;
