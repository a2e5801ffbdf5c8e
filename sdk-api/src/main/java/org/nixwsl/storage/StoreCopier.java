package org.nixwsl.storage;

import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;

/**
 * Copies a whole store: contents, owners, modes, times, hard links, profiles and roots, and the
 * database last, so that a target that was cut short can never be taken for a store. Each path is
 * hashed while it is read and compared with the database. Extended attributes and ACLs, which no
 * store path has by right, are reported, and copied on request. Read back from the device are store
 * paths and the database by their contents, profiles and roots by what they point to; logs are not.
 * Runs on Linux, where the files are. Thread-safe; two copies into one target exclude each other.
 */
public interface StoreCopier {
  /**
   * Copies. Needs root, unless all of the source belongs to the caller.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_A_STORE}, {@code
   *     SCHEMA_TOO_NEW}, {@code NO_SPACE}, {@code UNSUITABLE_FILE_SYSTEM}, {@code NOT_ROOT}, {@code
   *     CANNOT_LINK}, {@code TOOL_MISSING}
   * @throws org.nixwsl.storage.error.ConflictException {@code TARGET_NOT_EMPTY}, {@code
   *     TARGET_INSIDE_SOURCE}, {@code STORE_CHANGED}
   * @throws org.nixwsl.storage.error.IntegrityException {@code TARGET_DAMAGED} if what was read
   *     back differs
   */
  CopyReport copy(CopyRequest request, RunOptions options);

  /** {@link #copy(CopyRequest, RunOptions)} that nobody follows. */
  default CopyReport copy(CopyRequest request) {
    return copy(request, RunOptions.ofDefaults());
  }
}
