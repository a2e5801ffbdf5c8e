package org.nixwsl.storage.core.platform;

import java.util.Optional;

/** The ways into instances, and to stop and start them. Thread-safe. */
public interface Instances {
  /** No way at all. */
  static Instances none() {
    return new Instances() {
      @Override
      public InstanceShell shell(String name) {
        throw new IllegalStateException("There is no way into an instance here");
      }

      @Override
      public Optional<InstanceControl> control(String name) {
        return Optional.empty();
      }
    };
  }

  /**
   * The way into an instance whose store is moved: on Linux that is the one that this process is
   * in, however it is called.
   *
   * @param name as WSL knows it
   */
  InstanceShell shell(String name);

  /** How an instance is stopped and started; empty where that cannot be done from here. */
  Optional<InstanceControl> control(String name);
}
