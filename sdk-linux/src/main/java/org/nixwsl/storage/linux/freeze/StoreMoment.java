package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import org.nixwsl.storage.core.platform.StoreFreezer.Fingerprint;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.StateCopier;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.store.NixStore;

/** What a store holds, as a few numbers that are compared. */
final class StoreMoment {
  /** A store that changes at each of so many looks is in use. */
  private static final int LOOKS = 5;

  private StoreMoment() {}

  /**
   * Reads the database, profiles and roots.
   *
   * @throws ConflictException {@code STORE_CHANGED} if profiles or roots do not stand still
   */
  static Fingerprint of(NixStore store, Operation operation) throws IOException {
    StoreContents.Fingerprint rows = StoreDatabase.of(store).read(operation).fingerprint();
    return new Fingerprint(rows.rows(), rows.greatestId(), rows.digest(), roots(store, operation));
  }

  private static String roots(NixStore store, Operation operation) throws IOException {
    for (int look = 1; ; look++) {
      try {
        Set<String> roots =
            StateCopier.profilesAndRoots(store.directory(), operation::checkCancelled);
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (String line : roots) { // sorted, and printable: no line break in it
          digest.update((line + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return HexFormat.of().formatHex(digest.digest());
      } catch (ChangedException e) {
        if (look == LOOKS) {
          throw new ConflictException(
              Problem.of(
                      ErrorCode.STORE_CHANGED,
                      "Profiles and roots changed at each look: " + e.getMessage() + ".",
                      "Stop what switches profiles there and call again.")
                  .mayGoAway(),
              e);
        }
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("Every Java has SHA-256", e);
      }
    }
  }
}
