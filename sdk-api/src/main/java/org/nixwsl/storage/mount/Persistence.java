package org.nixwsl.storage.mount;

import java.util.List;
import java.util.Optional;

/**
 * Mounts the storage again after a restart of Windows, which forgets every attached disk: a task
 * that runs a program when the user logs on, as this user and not elevated. Thread-safe.
 *
 * <p>All methods throw {@link org.nixwsl.storage.error.CommandException} {@code COMMAND_FAILED} if
 * the task scheduler refuses.
 */
public interface Persistence {
  /**
   * Installs the task of a mount, or replaces it.
   *
   * @param command the program with its arguments that calls {@link
   *     org.nixwsl.storage.WslMounter#ensureMounted}; the program as an absolute path
   * @throws org.nixwsl.storage.error.EnvironmentException {@code ACCESS_DENIED} if this program
   *     runs as SYSTEM or a service: WSL has no instances for these
   * @throws org.nixwsl.storage.error.DiskException {@code BAD_SETTING} if the task scheduler would
   *     change a word of the command, because it holds {@code %} or {@code $(}
   */
  Task install(MountName mount, List<String> command);

  /** The task of a mount, if it is installed. */
  Optional<Task> query(MountName mount);

  /** Removes the task of a mount; whether there was one. */
  boolean remove(MountName mount);

  /**
   * Starts the program of the task now and does not wait for it.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_FOUND} if it is not installed
   */
  void runNow(MountName mount);

  /**
   * A task that is installed.
   *
   * @param name its name in the task scheduler
   * @param enabled whether it runs at the next logon
   * @param asUser whether it runs as the user and not elevated, as it was installed
   */
  record Task(String name, boolean enabled, boolean asUser) {}
}
