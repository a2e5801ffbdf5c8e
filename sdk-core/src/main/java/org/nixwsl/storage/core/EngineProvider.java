package org.nixwsl.storage.core;

import org.nixwsl.storage.StorageSdk;

/** What {@link StorageSdk#open} finds. */
public final class EngineProvider implements StorageSdk.Provider {
  /** For {@link java.util.ServiceLoader}. */
  public EngineProvider() {}

  @Override
  public StorageSdk open() {
    return new Engine();
  }
}
