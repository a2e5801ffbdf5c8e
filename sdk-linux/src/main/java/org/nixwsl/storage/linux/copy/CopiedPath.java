package org.nixwsl.storage.linux.copy;

import org.nixwsl.storage.core.nar.NarHash;

/**
 * A store path in the target.
 *
 * @param hash the NAR hash of what was read from the source and written
 * @param narBytes the length of that NAR
 * @param names names in it that are not directories
 * @param inodes files and symlinks that were made for it, without those that it shares with paths
 *     before
 */
record CopiedPath(NarHash hash, long narBytes, long names, long inodes) {}
