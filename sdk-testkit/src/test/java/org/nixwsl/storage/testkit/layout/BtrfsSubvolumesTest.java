package org.nixwsl.storage.testkit.layout;

import org.junit.jupiter.api.Tag;
import org.nixwsl.storage.mount.StorageLayout;

@Tag("once")
class BtrfsSubvolumesTest extends DisksOfThisMachine {
  BtrfsSubvolumesTest() {
    super(new StorageLayout.BtrfsSubvolumes(), new StorageLayout.Ext4Subdirectories());
  }
}
