package org.nixwsl.storage.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StorageLayoutTest {
  private static final StorageLocation PARTITION =
      new StorageLocation.PhysicalDisk("\\\\.\\PHYSICALDRIVE1", Optional.of(2));

  @ParameterizedTest
  @ValueSource(strings = {"ext4", "btrfs", "btrfs:0", "btrfs:15", "partitions", "zfs"})
  void aLayoutIsReadAsItWasWritten(String text) {
    assertThat(StorageLayout.parse(text).text()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "EXT4", "btrfs:", "btrfs:16", "btrfs:-1", "xfs", "tmpfs", "ext4:1"})
  void otherWordsAreNoLayout(String text) {
    assertThatThrownBy(() -> StorageLayout.parse(text))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theFastestLevelIsTheOneThatIsNotSaid() {
    assertThat(StorageLayout.parse("btrfs")).isEqualTo(new StorageLayout.BtrfsSubvolumes(1));
    assertThat(StorageLayout.parse("btrfs:1").text()).isEqualTo("btrfs");
  }

  @Test
  void aStorageIsOneExt4WithDirectoriesUnlessSaidOtherwise() {
    assertThat(SharedStorage.onVhdx(Path.of("disk.vhdx")).layout())
        .isEqualTo(new StorageLayout.Ext4Subdirectories());
  }

  @Test
  void aLayoutIsKeptWhenTheUuidIsLearnt() {
    SharedStorage storage =
        SharedStorage.builder()
            .location(PARTITION)
            .mountName(MountName.of("one"))
            .layout(new StorageLayout.DedicatedPartitions())
            .build();
    UUID uuid = UUID.randomUUID();
    SharedStorage known = storage.knownBy(uuid);
    assertThat(known.layout()).isEqualTo(storage.layout());
    assertThat(known.location()).isEqualTo(PARTITION);
    assertThat(known.mountName()).isEqualTo(storage.mountName());
    assertThat(known.fileSystemUuid()).contains(uuid);
  }

  @Test
  void aPartitionForEachInstanceNeedsAPartition() {
    SharedStorage.Builder file =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(Path.of("disk.vhdx")))
            .layout(new StorageLayout.DedicatedPartitions());
    assertThatThrownBy(file::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("partition");
    SharedStorage.Builder whole =
        SharedStorage.builder()
            .location(new StorageLocation.PhysicalDisk("\\\\.\\PHYSICALDRIVE1", Optional.empty()))
            .layout(new StorageLayout.DedicatedPartitions());
    assertThatThrownBy(whole::build).isInstanceOf(IllegalArgumentException.class);
  }
}
