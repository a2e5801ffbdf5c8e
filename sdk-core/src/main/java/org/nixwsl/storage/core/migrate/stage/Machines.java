package org.nixwsl.storage.core.migrate.stage;

import java.util.Optional;

/** Gives each operation a machine to work with. Thread-safe. */
@FunctionalInterface
public interface Machines {
  /**
   * A machine for one operation, which closes it.
   *
   * @param distribution the instance whose files are worked on, as WSL knows it; empty for what
   *     lies on the storage only
   */
  Machine open(Optional<String> distribution);
}
