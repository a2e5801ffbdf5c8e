package org.nixwsl.storage.migrate;

import org.nixwsl.storage.disk.ByteSize;

/**
 * What a rollback brought from the storage into the old store, because the old store did not have
 * it: what was built or fetched since the commit, and what had been removed from the old store.
 * Profiles and roots came along. All of it was read back from the old store's device.
 *
 * @param paths how many store paths; 0 if only profiles and roots had changed
 * @param bytes the sum of their NAR sizes
 */
public record BroughtBack(long paths, ByteSize bytes) {}
