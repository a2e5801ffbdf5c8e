package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.mount.BootState;

/** Stops and starts one instance from outside of it. Thread-safe. */
public interface InstanceControl {
  /** The instance as it is called in messages: "the WSL instance nixos". */
  String instance();

  /** Whether it runs. Starts nothing. */
  boolean running(Operation operation) throws IOException, InterruptedException;

  /**
   * Stops it, with all that runs in it, and waits until it is gone; does nothing where it does not
   * run.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException if it does not go
   */
  void terminate(Operation operation) throws IOException, InterruptedException;

  /**
   * Whether nobody holds a lease. Starts nothing: where no instance runs that could be asked, there
   * is nobody to hold it.
   *
   * @param lease the file, as instances see it
   */
  boolean leaseIsFree(Path lease, Operation operation) throws IOException, InterruptedException;

  /** Starts it, where it does not run, and waits until it can be used. */
  void start(Operation operation) throws IOException, InterruptedException;

  /**
   * What the boot hook of the NixOS module decided when it was started; empty where it does not
   * run, and where it has no hook. Starts nothing.
   *
   * @throws org.nixwsl.storage.error.StorageSdkException if it runs and that cannot be learned
   */
  Optional<BootState> bootState(Operation operation) throws IOException, InterruptedException;
}
