package org.nixwsl.storage.testkit.layout;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.mount.StorageLayout;

@Tag("once")
class BtrfsSubvolumesTest extends DisksOfThisMachine {
  BtrfsSubvolumesTest() {
    super(new StorageLayout.BtrfsSubvolumes(), new StorageLayout.Ext4Subdirectories());
  }

  /** The long tests of the contract in short. */
  @Test
  void aMoveThatIsKilledIsTakenUpAndThenBack() {
    aMoveThatIsKilledComesToTheSameEndWhenItIsTakenUp("keep what was proven");
    takeBackAndReclaim();
  }
}
