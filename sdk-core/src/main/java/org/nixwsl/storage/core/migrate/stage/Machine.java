package org.nixwsl.storage.core.migrate.stage;

import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.migrate.MigrationRequest;

/**
 * All that a move works with. Thread-safe as its parts are.
 *
 * @param vhdx disks as files
 * @param mounter attaches and mounts
 * @param host copies stores
 * @param tree what lies on the storage beside the stores
 * @param stillness makes a store stand still
 * @param config the NixOS configuration
 * @param instances the ways into instances, and to restart them
 * @param ticker where time comes from
 * @param effects through which every change goes
 */
public record Machine(
    VhdxManager vhdx,
    WslMounter mounter,
    StoreHost host,
    StorageTree tree,
    Stillness stillness,
    NixConfigWriter config,
    Instances instances,
    Ticker ticker,
    SideEffects effects) {
  /** The instance whose store is moved, as WSL knows it. */
  static String distribution(MigrationRequest request) {
    return request.distribution().orElse(request.instance().value());
  }

  /** A machine on which no instance is entered or restarted. */
  public Machine(
      VhdxManager vhdx,
      WslMounter mounter,
      StoreHost host,
      StorageTree tree,
      Stillness stillness,
      NixConfigWriter config,
      Ticker ticker,
      SideEffects effects) {
    this(vhdx, mounter, host, tree, stillness, config, Instances.none(), ticker, effects);
  }
}
