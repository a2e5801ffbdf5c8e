/**
 * VHDX files: create, inspect, check, read, write, resize, compact, copy, repair. Hides which bytes
 * change hands, in which order they reach the device, and who may touch a file at the same time.
 * Read {@link org.nixwsl.storage.core.vhdx.VhdxEngine} first, then {@link
 * org.nixwsl.storage.core.vhdx.DiskImage}, {@link org.nixwsl.storage.core.vhdx.DiskContents} for
 * reading and {@link org.nixwsl.storage.core.vhdx.BlockWriter} for writing; the structures are in
 * {@code format}, the log in {@code log}. What changes a disk as a whole starts from {@link
 * org.nixwsl.storage.core.vhdx.OpenDisk}. More than twelve types, because all of them work on an
 * image that only this package may open.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx;
