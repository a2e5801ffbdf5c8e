package org.nixwsl.storage.error;

import java.util.List;
import org.nixwsl.storage.store.StoreFinding;

/** Data differs from what the Nix database says of it. Carries the findings. */
public final class IntegrityException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  private final StoreFinding[] findings;

  /** With all that was found; at least one finding. */
  public IntegrityException(Problem problem, List<StoreFinding> findings) {
    super(problem, null);
    this.findings = findings.toArray(StoreFinding[]::new);
  }

  /** What was found, in the order of the store paths. */
  public List<StoreFinding> findings() {
    return List.of(findings);
  }
}
