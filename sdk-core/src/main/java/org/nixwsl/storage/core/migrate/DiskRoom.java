package org.nixwsl.storage.core.migrate;

import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.mount.StorageLayout;

/** How much fits on a new disk of a given size. Rather too little than too much. */
interface DiskRoom {
  /** Whether a store of that size fits on a disk of that many bytes. */
  boolean holds(long size, StoreHost.Measure measure);

  /** What fits on a disk of that many bytes, for people. */
  String words(long size);

  /** What a store of that size makes a dynamic disk grow by, besides what stays unwritten. */
  long written(StoreHost.Measure measure);

  /** The one of a layout. */
  static DiskRoom of(StorageLayout layout) {
    return layout instanceof StorageLayout.BtrfsSubvolumes ? new BtrfsRoom() : new Ext4Room();
  }
}
