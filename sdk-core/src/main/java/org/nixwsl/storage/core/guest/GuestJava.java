package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;

/** Tells which Java runs a guest. */
@FunctionalInterface
public interface GuestJava {
  /**
   * Looks for it.
   *
   * @return its program; empty for the {@code java} on the path
   * @throws org.nixwsl.storage.error.EnvironmentException {@code TOOL_MISSING} if there is none
   */
  Optional<String> find(Operation operation) throws IOException, InterruptedException;
}
