package org.nixwsl.storage.core.migrate.stage;

import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.migrate.MigrationRequest;

/**
 * All that one operation works with; whoever opened it closes it. Calls belong to one thread.
 *
 * @param vhdx disks as files
 * @param mounter attaches and mounts
 * @param place where the files of the instance are
 * @param instances the ways into instances, and to restart them
 * @param ticker where time comes from
 * @param effects through which every change goes
 */
public record Machine(
    VhdxManager vhdx,
    WslMounter mounter,
    Workplace place,
    Instances instances,
    Ticker ticker,
    SideEffects effects)
    implements AutoCloseable {
  /** The instance whose store is moved, as WSL knows it. */
  public static String distribution(MigrationRequest request) {
    return request.distribution().orElse(request.instance().value());
  }

  /** Copies stores. */
  public StoreHost host() {
    return place.host();
  }

  /** What lies on the storage beside the stores. */
  public StorageTree tree() {
    return place.tree();
  }

  /** Makes a store stand still. */
  public Stillness stillness() {
    return place.stillness();
  }

  /** The NixOS configuration. */
  public NixConfigWriter config() {
    return place.config();
  }

  /** Leaves the place of the files. */
  @Override
  public void close() {
    place.close();
  }
}
