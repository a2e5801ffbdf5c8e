package org.nixwsl.storage;

import java.util.ServiceLoader;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The door to the SDK.
 *
 * <pre>{@code
 * try (StorageSdk sdk = StorageSdk.open()) {
 *   VerifyReport report = sdk.verifier().verify(VerifyRequest.of(NixStore.ofRoot(Path.of("/"))));
 *   System.out.println(report.damaged() ? report.findings() : "all well");
 * }
 * }</pre>
 *
 * <p>Thread-safe; several operations may run at once. What is closed is the SDK, not the storage: a
 * mounted disk stays mounted.
 */
public interface StorageSdk extends AutoCloseable {
  /**
   * Opens the SDK with the engine and the platform that are on the class path or module path. The
   * platform is asked for only by what needs it: {@link #mounter}, {@link #migrator}, {@link
   * #copier} and {@link #verifier} throw {@code NO_ENGINE} where there is none for this operating
   * system, and {@code UNSUPPORTED_PLATFORM} for what it cannot do.
   *
   * @throws EnvironmentException with {@code NO_ENGINE} if there is no engine
   */
  static StorageSdk open() {
    for (Provider provider :
        ServiceLoader.load(Provider.class, StorageSdk.class.getClassLoader())) {
      return provider.open();
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.NO_ENGINE,
            "Cannot open the NixOS-WSL Storage SDK: its engine is not on the class path.",
            "Add the artefact org.nixwsl:nixwsl-sdk-core, and nixwsl-sdk-linux or"
                + " nixwsl-sdk-windows for the machine it runs on."));
  }

  /** Virtual disk files. */
  VhdxManager vhdx();

  /** Attaching and mounting the shared storage. */
  WslMounter mounter();

  /** Moving stores to the shared storage. */
  StoreMigrator migrator();

  /** Copying a store, without the rest of a migration. */
  StoreCopier copier();

  /** The NixOS module that boots from the shared storage. */
  NixConfigWriter configWriter();

  /** Proving a store against its database. */
  StoreVerifier verifier();

  /** Lets go of threads and of nothing else; idempotent. */
  @Override
  void close();

  /** Implemented by the engine and found by {@link ServiceLoader}; not for users. */
  interface Provider {
    /** Opens the engine. */
    StorageSdk open();
  }
}
