/**
 * Reads store paths back from the device, past the page cache, and hashes them. Hides direct
 * input/output and its alignment. Read {@link org.nixwsl.storage.linux.copy.proof.DeviceHasher}
 * first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.proof;
