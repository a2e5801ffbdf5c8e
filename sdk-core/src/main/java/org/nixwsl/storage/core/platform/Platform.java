package org.nixwsl.storage.core.platform;

import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;

/**
 * What an operating system brings to the engine. Implementations are found by {@link
 * java.util.ServiceLoader} and have a public constructor without parameters.
 */
public interface Platform {
  /** Whether this is the operating system that the implementation is for. */
  boolean suitsThisMachine();

  /** Whether the user named it, so that it comes before others that suit the machine. */
  default boolean wasAskedFor() {
    return false;
  }

  /** How storage is attached and mounted here. */
  WslMounter mounter(ProcessRunner processes, Ticker ticker);

  /**
   * Where this user's notes of disks are kept that are no files, made or not; none where no such
   * disks are attached.
   */
  default Optional<Path> notes() {
    return Optional.empty();
  }

  /** How a store is verified here. */
  StoreVerifier verifier(ProcessRunner processes, Ticker ticker);

  /**
   * How things are run inside an instance: on Windows one of WSL's, by its name; on Linux the one
   * that this process is in, which has no name here.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code UNSUPPORTED_PLATFORM} for a name
   *     on Linux, and for none on Windows
   */
  InstanceShell instanceShell(Optional<String> distribution, ProcessRunner processes);

  /** How a store is copied here. */
  StoreHost storeHost(ProcessRunner processes, Ticker ticker);

  /**
   * Where the files of an instance are, for one operation: on Linux here, on Windows inside the
   * instance of that name. Starts nothing before it is used.
   *
   * @param distribution as WSL knows it, no matter on Linux; empty for any place that sees the
   *     storage
   * @param config writes configurations here
   */
  Workplace workplace(
      Optional<String> distribution,
      NixConfigWriter config,
      ProcessRunner processes,
      Ticker ticker);

  /** The ways into the instances whose stores are moved; none when not said. */
  default Instances instances(ProcessRunner processes, Ticker ticker) {
    return Instances.none();
  }
}
