/**
 * VHDX files: create, inspect, check, read. Hides which bytes change hands and who may touch a file
 * at the same time. Read {@link org.nixwsl.storage.core.vhdx.VhdxEngine} first, then {@link
 * org.nixwsl.storage.core.vhdx.DiskImage}; the structures are in {@code format}, the log in {@code
 * log}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx;
