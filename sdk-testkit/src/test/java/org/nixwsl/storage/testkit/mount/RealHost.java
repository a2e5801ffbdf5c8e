package org.nixwsl.storage.testkit.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.windows.WindowsPlatform;
import org.nixwsl.storage.windows.wsl.WslRunner;

/** What this Linux itself says of a machine with real disks: the mount table, sysfs and blkid. */
final class RealHost {
  private final SimulatedWsl wsl;

  RealHost(SimulatedWsl wsl) {
    this.wsl = wsl;
  }

  /** The SDK of one process, which starts the program for each call and has the real clock. */
  WslMounter mounter() {
    ProcessRunner processes = new ProcessRunner();
    WslRunner runner = WslRunner.ofProgram(processes, wsl.executable().toString());
    return new WindowsPlatform(runner, wsl.folder().resolve("notes"), Map.of())
        .mounter(processes, Ticker.system());
  }

  /** The number of the file system mounted last at a place of the virtual machine. */
  Optional<String> deviceAt(String place) throws IOException {
    return Files.readAllLines(wsl.inVm("/proc/1/mountinfo")).stream()
        .filter(line -> line.contains(" " + place + " "))
        .filter(line -> line.matches(".* rw[, ].* - ext4 /dev/sd[a-z]+ rw.*"))
        .map(line -> line.split(" ", -1)[2])
        .reduce((first, last) -> last);
  }

  /** The UUID on a device, as blkid of the host reads it from the device itself. */
  String uuidOn(String number) throws IOException {
    String node = "/dev/" + Path.of("/sys/dev/block", number).toRealPath().getFileName();
    return run("blkid", "-p", "-s", "UUID", "-o", "value", node).text().strip();
  }

  /** The file that a device shows. */
  Path fileBehind(String number) throws IOException {
    String raw = Files.readString(Path.of("/sys/dev/block", number, "loop/backing_file")).strip();
    return Path.of(raw).resolveSibling("disk.vhdx").toRealPath();
  }

  /** The files of which this machine has a device. */
  List<Path> attached() throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> loops = Files.newDirectoryStream(Path.of("/sys/block"), "loop*")) {
      for (Path loop : loops) {
        Path backing = loop.resolve("loop/backing_file");
        if (Files.exists(backing) && Files.readString(backing).contains(wsl.folder() + "/")) {
          files.add(fileBehind(Files.readString(loop.resolve("dev")).strip()));
        }
      }
    }
    return files;
  }

  /** Mounts a disk, lets something be done below it, and takes it away again. */
  void with(Path disk, Change change) throws IOException {
    assertThat(call("--mount", disk.toString(), "--vhd", "--name", "look", "--type", "ext4"))
        .as("mount %s", disk)
        .isZero();
    change.below(wsl.inVm("/mnt/wsl/look"));
    assertThat(call("--unmount", disk.toString())).as("unmount %s", disk).isZero();
  }

  /** Something done below a mounted disk. */
  interface Change {
    void below(Path root) throws IOException;
  }

  /** Whether e2fsck finds nothing wrong with the file system on all of a disk. */
  void assertSound(Path disk, UUID uuid) throws IOException {
    assertThat(call("--mount", disk.toString(), "--vhd", "--bare")).isZero();
    String letter =
        wsl.ask(
            machine ->
                machine.attached().stream()
                    .filter(one -> one.path().equals(disk.toString()))
                    .map(one -> one.letter())
                    .findFirst()
                    .orElseThrow());
    String number = Files.readString(wsl.inVm("/sys/block/" + letter + "/dev")).strip();
    assertThat(fileBehind(number)).isEqualTo(disk);
    assertThat(uuidOn(number)).isEqualTo(uuid.toString());
    String node = "/dev/" + Path.of("/sys/dev/block", number).toRealPath().getFileName();
    ProcessRunner.Result check = run("e2fsck", "-f", "-n", node);
    assertThat(check.exitCode()).as(check.allText()).isZero();
    assertThat(call("--unmount", disk.toString())).isZero();
  }

  int call(String... arguments) {
    return wsl.call(arguments).exit();
  }

  static ProcessRunner.Result run(String... command) {
    return Operation.quiet(
        String.join(" ", command),
        operation -> new ProcessRunner().run(Command.of(command), operation));
  }
}
