package org.nixwsl.storage.testkit.wsl.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;

/**
 * The contract against the real wsl.exe, on a Windows machine with an instance that has sfdisk,
 * mkfs.ext4 and mkfs.vfat, and that the variable {@code NIXWSL_CONTRACT_INSTANCE} names. It is
 * stopped, and so is the whole WSL. Not run yet.
 */
@Tag("wsl")
class WindowsWslContractTest implements WslContract {
  @TempDir Path folder;
  private String instance = "";
  private List<Path> disks = List.of();

  @BeforeEach
  void needsWindows() {
    instance = System.getenv().getOrDefault("NIXWSL_CONTRACT_INSTANCE", "");
    assumeTrue(
        System.getProperty("os.name").startsWith("Windows") && !instance.isEmpty(),
        "skipped: not a Windows machine with NIXWSL_CONTRACT_INSTANCE");
    disks = new ArrayList<>();
  }

  @AfterEach
  void detachWhatIsLeft() {
    for (Path disk : disks) {
      if (Files.exists(disk)) {
        // Most are detached already, which is an error and no matter.
        machine().wsl(List.of("--unmount", disk.toString()));
      }
    }
  }

  @Override
  public WslUnderTest machine() {
    return new Real();
  }

  private final class Real implements WslUnderTest {
    @Override
    public Answer wsl(List<String> arguments) {
      List<String> argv = new ArrayList<>(List.of("wsl.exe"));
      argv.addAll(arguments);
      Path out = folder.resolve("out.txt");
      Path err = folder.resolve("err.txt");
      ProcessBuilder builder =
          new ProcessBuilder(argv)
              .directory(folder.toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().put("WSL_UTF8", "1");
      builder.environment().put("WSL_DISABLE_WARNINGS", "1");
      try {
        Process process = builder.start();
        process.getOutputStream().close();
        int exit = process.waitFor();
        return new Answer(exit, read(out), read(err));
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException("Cannot run " + argv, e);
      }
    }

    private String read(Path file) throws IOException {
      return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }

    @Override
    public Path folder() {
      return folder;
    }

    @Override
    public String instance() {
      return instance;
    }

    @Override
    public Path disk(Content content) {
      // An odd size, by which the disk is found among the others.
      ByteSize size = ByteSize.mebibytes(40 + 7L * disks.size());
      Path file = folder.resolve("disk" + disks.size() + ".vhdx");
      new VhdxEngine().create(file, DiskSpec.ofSize(size));
      disks.add(file);
      if (content != Content.BLANK) {
        ok("--mount", file.toString(), "--vhd", "--bare");
        String device = "/dev/" + device(size.bytes());
        switch (content) {
          case EXT4 -> root("mkfs.ext4", "-q", device);
          case OTHER -> root("mkfs.vfat", "-I", device);
          default -> {
            root("sh", "-c", "printf ',20M\\n,\\n' | sfdisk -q " + device);
            root("mkfs.ext4", "-q", device + "1");
            root("mkfs.vfat", device + "2");
          }
        }
        ok("--unmount", file.toString());
      }
      return file;
    }

    private String device(long bytes) {
      List<String> found =
          root("lsblk", "-b", "-d", "-n", "-o", "NAME,SIZE")
              .lines()
              .map(String::strip)
              .filter(line -> line.endsWith(" " + bytes))
              .map(line -> line.split(" +", -1)[0])
              .toList();
      assertThat(found).hasSize(1);
      return found.get(0);
    }

    private String root(String... argv) {
      List<String> line = new ArrayList<>(List.of("-d", instance, "-u", "root", "--exec"));
      line.addAll(List.of(argv));
      return ok(line.toArray(String[]::new)).out();
    }

    @Override
    public boolean atLeast(int major, int minor, int patch) {
      Matcher number =
          Pattern.compile("([0-9]+)\\.([0-9]+)\\.([0-9]+)").matcher(ok("--version").out());
      assertThat(number.find()).isTrue();
      long found = 0;
      for (int i = 1; i <= 3; i++) {
        found = found * 10_000 + Long.parseLong(number.group(i));
      }
      return found >= (major * 10_000L + minor) * 10_000 + patch;
    }
  }
}
