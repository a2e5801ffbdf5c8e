package org.nixwsl.storage.store;

import java.time.Duration;
import java.util.List;
import org.nixwsl.storage.disk.ByteSize;

/**
 * The result of a copy. Every path that it counts has the NAR hash that the database gives.
 *
 * @param paths store paths copied
 * @param files names copied that are not directories, hard links included, {@code .links} not
 * @param inodes distinct files and symlinks in the target, those that it shares with another store
 *     included; as many as the source has, or fewer where the other store had one file for several
 * @param bytes the sum of the NAR sizes
 * @param duration how long copying took, writing to the device included
 * @param reread how long reading back took when nothing was copied any more; zero when it was not
 *     asked for. Where the device can be read past the caches, most is read back while others are
 *     copied
 * @param findings what is wrong in the source; a damaged path is copied as it is and never counted
 *     as verified. Extended attributes that were not copied are findings too, and no damage
 * @param leftOut entries of the source that no store needs and that were not copied: locks,
 *     leftovers of killed builds, paths without a row; escaped as in {@link StoreFinding#path}
 * @param notes what limits the result, such as a cache that could not be dropped; for people
 */
public record CopyReport(
    long paths,
    long files,
    long inodes,
    ByteSize bytes,
    Duration duration,
    Duration reread,
    List<StoreFinding> findings,
    List<String> leftOut,
    List<String> notes) {
  /** Copies the lists. */
  public CopyReport {
    findings = List.copyOf(findings);
    leftOut = List.copyOf(leftOut);
    notes = List.copyOf(notes);
  }
}
