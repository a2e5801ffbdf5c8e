package org.nixwsl.storage.error;

import java.util.List;
import org.nixwsl.storage.store.StoreFinding;

/** Data differs from what the Nix database says of it. Carries the findings. */
public final class IntegrityException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  private final List<StoreFinding> findings;

  /** With all that was found; at least one finding. */
  public IntegrityException(Problem problem, List<StoreFinding> findings) {
    super(problem, null);
    this.findings = List.copyOf(findings);
  }

  /** What was found, in the order of the store paths. */
  public List<StoreFinding> findings() {
    return findings;
  }
}
