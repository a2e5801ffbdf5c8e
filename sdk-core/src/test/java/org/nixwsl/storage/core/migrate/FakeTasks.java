package org.nixwsl.storage.core.migrate;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.Persistence;

/** The tasks of a user: at most one, as there is one storage. */
final class FakeTasks implements Persistence {
  Optional<List<String>> installed = Optional.empty();
  boolean enabled = true;

  /** What asking for the task fails with, and how often it succeeds before. */
  Optional<Problem> broken = Optional.empty();

  int succeedsBefore;

  @Override
  public Task install(MountName mount, List<String> command) {
    installed = Optional.of(command);
    enabled = true;
    return query(mount).orElseThrow();
  }

  @Override
  public Optional<Task> query(MountName mount) {
    if (broken.isPresent() && succeedsBefore-- <= 0) {
      throw Failures.errorOf(broken.get());
    }
    return installed.map(command -> new Task("task", enabled, true));
  }

  @Override
  public boolean remove(MountName mount) {
    boolean there = installed.isPresent();
    installed = Optional.empty();
    return there;
  }

  @Override
  public void runNow(MountName mount) {
    throw new AssertionError("not used");
  }
}
