package org.nixwsl.storage.testkit;

import java.util.List;

/**
 * What was damaged.
 *
 * @param kind how
 * @param paths the logical store paths that a verification has to name
 * @param links the names of entries of {@code .links} that differ from their contents now
 */
public record DamageDone(Damage kind, List<String> paths, List<String> links) {
  /** Copies the lists. */
  public DamageDone {
    paths = List.copyOf(paths);
    links = List.copyOf(links);
  }
}
