package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.nixwsl.storage.core.platform.StoreFreezer.Fingerprint;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.store.NixStore;

/** What a store holds, in few words: valid paths, and profiles and roots. */
public final class StoreFingerprint {
  /** A store that changes at each of so many looks is in use. */
  private static final int LOOKS = 5;

  private StoreFingerprint() {}

  /**
   * Reads it. A copy gives the same as its source.
   *
   * @throws ConflictException {@code STORE_CHANGED} if it does not stand still for one look
   */
  public static Fingerprint of(NixStore store, Operation operation) throws IOException {
    for (int look = 1; ; look++) {
      StoreContents.Fingerprint rows = StoreDatabase.of(store).read(operation).fingerprint();
      try {
        return new Fingerprint(
            rows.rows(), rows.greatestId(), rows.digest(), roots(store, operation));
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
      }
    }
  }

  private static String roots(NixStore store, Operation operation) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String line :
          StateCopier.profilesAndRoots(store.directory(), operation::checkCancelled)) {
        digest.update(
            (line + "\n").getBytes(StandardCharsets.UTF_8)); // sorted, no line break in it
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}
