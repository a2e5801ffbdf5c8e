package org.nixwsl.storage.migrate;

import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;

/**
 * Which move is to be taken back.
 *
 * @param storage where to it moves, as in its request
 * @param instance whose store it moves
 * @param discardChangesSince the storage id of a committed move whose directory has changed since:
 *     the changes go to the trash with it. Without it they are brought into the old store first
 */
public record RollbackRequest(
    SharedStorage storage, InstanceName instance, Optional<UUID> discardChangesSince) {
  /** Discards no changes: they are brought back. */
  public static RollbackRequest of(SharedStorage storage, InstanceName instance) {
    return new RollbackRequest(storage, instance, Optional.empty());
  }
}
