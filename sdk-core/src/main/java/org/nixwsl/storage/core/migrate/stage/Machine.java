package org.nixwsl.storage.core.migrate.stage;

import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Ticker;

/**
 * All that a move works with. Thread-safe as its parts are.
 *
 * @param vhdx disks as files
 * @param mounter attaches and mounts
 * @param host copies stores
 * @param tree what lies on the storage beside the stores
 * @param stillness makes a store stand still
 * @param config the NixOS configuration
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
    Ticker ticker,
    SideEffects effects) {}
