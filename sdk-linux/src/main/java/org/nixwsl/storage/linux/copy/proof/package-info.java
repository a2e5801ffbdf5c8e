/**
 * Reads store paths back from the device, past the page cache, hashes them, and looks whether what
 * an earlier call copied is still whole. Hides direct input/output and its alignment. Read {@link
 * org.nixwsl.storage.linux.copy.proof.DeviceHasher} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.proof;
