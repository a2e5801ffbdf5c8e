package org.nixwsl.storage.windows.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.nixwsl.storage.mount.MountName;

class DiskViewTest {
  private static final String UUID = "11111111-2222-4333-8444-555555555555";

  /** The kernel shows a number for a btrfs that no device has. */
  @Test
  void aBtrfsIsOnTheDeviceThatIsNamed() {
    DiskView view =
        DiskView.parse(
                """
                M 20 1 0:30 / /mnt/wsl rw - tmpfs none rw
                M 21 20 0:45 / /mnt/wsl/nixstorage rw - btrfs /dev/sdc rw
                M 22 20 0:46 / /mnt/wsl/other rw - btrfs /dev/sdd1 rw
                A 23 1 0:45 /main /nix rw - btrfs /dev/sdc rw
                A 24 1 8:48 / /x rw - ext4 /dev/sdc rw
                N sdc 8:32
                N sdd 8:48
                N sdd1 8:49
                D sdc 8:32 2048 0 0 btrfs UUID
                E
                """
                    .replace("UUID", UUID))
            .orElseThrow();

    assertThat(view.share(MountName.of("nixstorage")).orElseThrow().device()).isEqualTo("8:32");
    assertThat(view.share(MountName.of("other")).orElseThrow().device()).isEqualTo("8:49");
    assertThat(view.mountsOf("8:32"))
        .extracting(MountEntry::mountPoint)
        .containsExactly("/mnt/wsl/nixstorage", "/nix");
    assertThat(view.mountsOf("8:48"))
        .as("of other file systems the kernel's own number is right")
        .extracting(MountEntry::mountPoint)
        .containsExactly("/x");
  }
}
