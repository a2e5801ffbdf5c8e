package org.nixwsl.storage.core.guest;

import org.nixwsl.storage.core.process.RunningProcess;

/**
 * A way to run a script as root where the files of an instance are: on this machine, in a WSL
 * instance, in a container. Thread-safe.
 */
public interface Shell {
  /**
   * Starts a POSIX shell script. Standard input, output and errors are pipes; what the host writes
   * after the start is the script's own input, and closing it is end of input inside.
   *
   * @param script text in which everything that came from outside is quoted by {@link
   *     org.nixwsl.storage.core.escape.ShText}
   * @throws org.nixwsl.storage.error.EnvironmentException {@code TOOL_MISSING} if there is no such
   *     shell
   */
  RunningProcess start(String script);

  /** Where that is, in a few words for messages: {@code this machine}, {@code the instance x}. */
  String place();
}
