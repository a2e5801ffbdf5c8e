/**
 * VHDX files: create, inspect, check, read, write, repair. Hides which bytes change hands, in which
 * order they reach the device, and who may touch a file at the same time. Read {@link
 * org.nixwsl.storage.core.vhdx.VhdxEngine} first, then {@link
 * org.nixwsl.storage.core.vhdx.DiskImage} and {@link org.nixwsl.storage.core.vhdx.BlockWriter}; the
 * structures are in {@code format}, the log in {@code log}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx;
