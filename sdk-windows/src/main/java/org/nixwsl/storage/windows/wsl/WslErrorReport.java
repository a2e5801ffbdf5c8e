package org.nixwsl.storage.windows.wsl;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The cause of an error of the SDK: a failure that WSL reported. */
public final class WslErrorReport extends Exception {
  private static final long serialVersionUID = 1L;

  private final @Nullable WslError error;

  WslErrorReport(String message, @Nullable WslError error) {
    super(message, null, false, false);
    this.error = error;
  }

  /** The error, if it is a known one. */
  public Optional<WslError> error() {
    return Optional.ofNullable(error);
  }
}
