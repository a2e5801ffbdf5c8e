package org.nixwsl.storage.testkit.layout;

import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.mount.StorageLayout;

@Tag("once")
class Ext4SubdirectoriesTest extends DisksOfThisMachine {
  Ext4SubdirectoriesTest() {
    super(new StorageLayout.Ext4Subdirectories(), new StorageLayout.BtrfsSubvolumes());
  }
}
