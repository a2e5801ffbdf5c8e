package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;

/**
 * Devices and mounts of this machine's Linux. A disk is a loop device that the virtual machine and
 * its instances see under the name of a SCSI disk. Not thread-safe.
 */
final class RealDevices implements Devices {
  private static final int ENOENT = -2;
  private static final int EBUSY = -16;
  private static final int EINVAL = -22;
  private static final byte[] NOTHING = {};
  private static final String SHARE = "/mnt/wsl/";

  /** How the names of programs begin that have something of the share open. */
  static final String HOLDER = "user of ";

  private final Namespaces namespaces;
  private final Instances instances;
  private final Share share;
  private final BlockDevices disks;
  private final FileSystems fileSystems;
  private final ProcessRunner processes;

  RealDevices(
      Namespaces namespaces,
      Instances instances,
      Share share,
      BlockDevices disks,
      FileSystems fileSystems,
      ProcessRunner processes) {
    this.namespaces = namespaces;
    this.instances = instances;
    this.share = share;
    this.disks = disks;
    this.fileSystems = fileSystems;
    this.processes = processes;
  }

  @Override
  public void startVm() {
    action(
        "start the virtual machine",
        operation -> {
          // What a call left that was killed in the middle.
          end(false, operation);
          namespaces.startVm(share.mount(operation), operation);
        });
  }

  @Override
  public void stopVm(boolean orderly) {
    action("end the virtual machine", operation -> end(orderly, operation));
  }

  /** With the last process the mounts go, and what they hold is written if the disks still work. */
  private void end(boolean orderly, Operation operation) throws IOException, InterruptedException {
    List<String> letters = disks.names();
    if (!orderly) {
      for (String letter : letters) {
        disks.fail(letter, operation);
      }
    }
    instances.destroy(operation);
    namespaces.kill(Namespaces.VM, operation);
    share.unmount(operation);
    for (String letter : letters) {
      disks.detach(letter, operation);
    }
  }

  @Override
  public long attach(String path, String letter) throws WslFailure, IOException {
    Path file = Path.of(path);
    try {
      DiskContents contents = DiskContents.of(file);
      action("attach " + path, operation -> attach(file, letter, contents.divided(), operation));
      return contents.bytes();
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.VHDX_IN_USE) {
        throw new WslFailure("ERROR_SHARING_VIOLATION");
      }
      if (e.code() == ErrorCode.VHDX_CORRUPT || e.code() == ErrorCode.NOT_A_VHDX) {
        throw new WslFailure("ERROR_FILE_CORRUPT");
      }
      throw e;
    }
  }

  private void attach(Path file, String letter, boolean divided, Operation operation)
      throws IOException, InterruptedException {
    BlockDevices.Device device = disks.attach(file, letter, operation);
    if (divided) {
      // Not every kernel reads tables of partitions itself.
      processes.runOk(Command.of("partx", "--update", "/dev/" + device.name()), operation);
    }
    ok(namespaces.script(Namespaces.VM, operation, "show", letter, device.number(), device.name()));
    instances.show(letter, device, operation);
  }

  private static void ok(ProcessRunner.Result result) throws IOException {
    if (result.exitCode() != 0) {
      throw new IOException("Status " + result.exitCode() + ": " + result.allText().strip());
    }
  }

  @Override
  public List<String> detach(String path, String letter) {
    return Operation.quiet(
        "detach " + path,
        operation -> {
          Optional<BlockDevices.Device> device = disks.find(letter);
          List<String> left = device.isPresent() ? mountsOf(device.get(), letter) : List.of();
          ok(namespaces.script(Namespaces.VM, operation, "hide", letter));
          instances.hide(letter, operation);
          if (left.isEmpty()) {
            disks.detach(letter, operation);
          } else {
            disks.tearOff(letter, operation);
          }
          return left;
        });
  }

  /** Takes away a device that the machine knows nothing of. */
  void discard(String letter) throws IOException {
    if (namespaces.runs(Namespaces.VM)) {
      detach(letter, letter);
    } else {
      action("detach " + letter, operation -> disks.detach(letter, operation));
    }
  }

  /** Where a disk or a partition of it is mounted; what all see is named once. */
  private List<String> mountsOf(BlockDevices.Device device, String letter) throws IOException {
    List<String> numbers = new ArrayList<>(List.of(device.number()));
    try (DirectoryStream<Path> parts =
        Files.newDirectoryStream(Path.of("/sys/block", device.name()), device.name() + "p[0-9]*")) {
      for (Path part : parts) {
        numbers.add(Files.readString(part.resolve("dev")).strip());
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    List<String> places = new ArrayList<>();
    for (String name : namespaces.running()) {
      if (name.equals(Guard.NAME)) {
        continue;
      }
      boolean vm = name.equals(Namespaces.VM);
      MountTable table = MountTable.read(namespaces.proc(name).resolve("mountinfo"));
      for (MountTable.Mount mount : table.below("")) {
        boolean shared = mount.point().startsWith(SHARE);
        if (mounts(mount, letter, numbers) && (vm || !shared)) {
          places.add(mount.point() + (vm ? "" : " of " + name));
        }
      }
    }
    return places;
  }

  /** By the name too: btrfs shows a number that is none of its devices'. */
  private static boolean mounts(MountTable.Mount mount, String letter, List<String> numbers) {
    return numbers.contains(mount.device())
        || (mount.type().equals("btrfs") && mount.source().matches("/dev/" + letter + "[0-9]*"));
  }

  @Override
  public Outcome mount(String letter, int partition, String name, String type, String options) {
    return Operation.quiet(
        "mount " + letter,
        operation -> {
          String device = "/dev/" + letter + (partition == 0 ? "" : partition);
          if (Files.notExists(inVm(device))) {
            return new Outcome(2, ENOENT);
          }
          String found = type.isEmpty() ? typeOn(device, operation) : type;
          if (found.isEmpty()) {
            return new Outcome(6, -1);
          }
          // Stays also if the mount fails, as in WSL.
          Files.createDirectories(inVm(SHARE + name));
          List<String> mount = new ArrayList<>(List.of("mount", "-t", found));
          if (!options.isEmpty()) {
            mount.addAll(List.of("-o", options));
          }
          mount.addAll(List.of(device, SHARE + name));
          return vm(operation, mount).exitCode() == 0 ? Outcome.OK : new Outcome(3, EINVAL);
        });
  }

  private String typeOn(String device, Operation operation)
      throws IOException, InterruptedException {
    return vm(operation, List.of("blkid", "-p", "-s", "TYPE", "-o", "value", device))
        .text()
        .strip();
  }

  @Override
  public Outcome unmount(String name) {
    return Operation.quiet(
        "unmount " + name,
        operation -> {
          ProcessRunner.Result result = vm(operation, List.of("umount", SHARE + name));
          if (result.exitCode() != 0) {
            return new Outcome(4, result.allText().contains("busy") ? EBUSY : EINVAL);
          }
          Files.deleteIfExists(inVm(SHARE + name));
          return Outcome.OK;
        });
  }

  @Override
  public void startInstance(String name, String letter) throws WslFailure {
    Instances.Start start =
        Operation.quiet("start " + name, operation -> instances.start(name, letter, operation));
    switch (start) {
      case UP -> {}
      case CORRUPT -> throw new WslFailure("Wsl/Service/CreateInstance/WSL_E_DISK_CORRUPTED");
      case DEAD -> {
        action("end " + name, operation -> instances.stop(name, Ending.KILLED, operation));
        throw new WslFailure("Wsl/Service/CreateInstance/E_UNEXPECTED");
      }
    }
  }

  @Override
  public boolean runs(String instance) throws IOException {
    return namespaces.runs(instance);
  }

  @Override
  public void bindNix(String instance, String mountName) {
    action(
        "bind /nix of " + instance,
        operation -> {
          String source = SHARE + mountName + "/" + instance;
          List<String> bind = List.of("mount", "--bind", source, "/nix");
          if (Files.isDirectory(inVm(source))) {
            ok(namespaces.run(instance, bind, NOTHING, operation));
          }
        });
  }

  @Override
  public void holdOpen(String mountName, boolean open) {
    action(
        "use " + mountName,
        operation -> {
          String holder = HOLDER + mountName;
          namespaces.kill(holder, operation);
          if (open) {
            namespaces.hold(holder, SHARE + mountName, operation);
          }
        });
  }

  @Override
  public void stopInstance(String name, Ending ending) {
    action(
        "end " + name,
        operation -> {
          if (!namespaces.runs(Namespaces.VM)) {
            return;
          }
          if (!name.equals(PEER)) {
            instances.stop(name, ending, operation);
          } else if (ending == Ending.UNMOUNTING) {
            namespaces.script(Namespaces.VM, operation, "poweroff");
          }
        });
  }

  @Override
  public void format(Path vhdx, int number, String type, UUID uuid) {
    action("format " + vhdx, operation -> fileSystems.make(vhdx, number, type, uuid, operation));
  }

  @Override
  public void resize(Path vhdx, long bytes) throws WslFailure {
    boolean done =
        Operation.quiet("resize " + vhdx, operation -> fileSystems.resize(vhdx, bytes, operation));
    if (!done) {
      throw new WslFailure("Wsl/Service/E_FAIL");
    }
  }

  /** Where this process finds a file of the virtual machine. */
  Path inVm(String path) throws IOException {
    return namespaces.proc(Namespaces.VM).resolve("root" + path);
  }

  private ProcessRunner.Result vm(Operation operation, List<String> program)
      throws IOException, InterruptedException {
    return namespaces.run(Namespaces.VM, program, NOTHING, operation);
  }

  private static void action(String what, Operation.Action action) {
    Operation.quiet(
        what,
        operation -> {
          action.run(operation);
          return Boolean.TRUE;
        });
  }
}
