package org.nixwsl.storage;

import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/**
 * Compares a store with its database. Reads only: it never writes to store or database, and keeps
 * the garbage collector out while it runs when it may. Runs on Linux, where the files are.
 * Thread-safe.
 */
public interface StoreVerifier {
  /**
   * Verifies. Damage is a finding, not an exception.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_A_STORE}, {@code
   *     SCHEMA_TOO_NEW}, {@code DATABASE_UNREADABLE}
   * @throws org.nixwsl.storage.error.OperationCancelledException if it was cancelled
   */
  VerifyReport verify(VerifyRequest request, RunOptions options);

  /** {@link #verify(VerifyRequest, RunOptions)} that nobody follows. */
  default VerifyReport verify(VerifyRequest request) {
    return verify(request, RunOptions.ofDefaults());
  }
}
