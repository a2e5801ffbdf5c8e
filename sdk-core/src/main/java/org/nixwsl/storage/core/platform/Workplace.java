package org.nixwsl.storage.core.platform;

import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;

/**
 * Where the files of one instance are, for the time of one operation: all parts work there, as one
 * caller. Where that is another place than this process, a program is started there when it is
 * needed first, and ended by {@link #close}; whoever opened the workplace closes it. Calls belong
 * to one thread.
 */
public interface Workplace extends AutoCloseable {
  /** Measures and copies stores. */
  StoreHost host();

  /** Verifies stores. */
  StoreVerifier verifier();

  /** What lies on a storage beside the stores. */
  StorageTree tree();

  /**
   * Makes the store of the instance stand still. What it began ends with the workplace, unless it
   * was kept.
   */
  Stillness stillness();

  /** The configuration of NixOS there. */
  NixConfigWriter config();

  /** Ends what runs there, and its locks. Idempotent. */
  @Override
  void close();

  /**
   * A workplace that is this process's own.
   *
   * @param host measures and copies
   * @param verifier verifies
   * @param tree what lies on a storage
   * @param stillness freezes
   * @param config writes configurations
   */
  record Here(
      StoreHost host,
      StoreVerifier verifier,
      StorageTree tree,
      Stillness stillness,
      NixConfigWriter config)
      implements Workplace {
    /** Nothing runs anywhere else. */
    @Override
    public void close() {}
  }
}
