package org.nixwsl.storage.linux.disk;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.Problem;

/**
 * VHDX files shown as block devices and not mounted, each under a name of the caller's: for a
 * machine that is simulated. All that is remembered is in one directory, so that another process
 * can go on, and take everything away. Needs what a {@link LoopMounter} needs.
 *
 * <p>Not thread-safe; whoever shares a directory among processes keeps them apart.
 */
public final class BlockDevices {
  private final Path directory;
  private final Ticker ticker;
  private final Attacher attacher;

  /** Devices in a directory, which is there, belongs to root and has a name of plain ASCII. */
  public BlockDevices(ProcessRunner processes, Ticker ticker, Path directory) {
    this.directory = directory;
    this.ticker = ticker;
    this.attacher = new Attacher(processes, Tools.ofThisMachine(), new RunDirectory(directory));
  }

  /**
   * A block device.
   *
   * @param name the kernel's, such as {@code loop0}; its node is {@code /dev/loop0}
   * @param number major and minor number, as in {@code mountinfo}
   */
  public record Device(String name, String number) {}

  /** What keeps this machine from attaching a disk; empty if nothing does. */
  public static List<Problem> refusals() throws IOException {
    return Tools.ofThisMachine().refusals();
  }

  /**
   * Shows a file as a block device that may have partitions. What is left under that name is torn
   * off before.
   *
   * @param name a file name of plain ASCII
   * @throws DiskException {@code VHDX_IN_USE}, {@code NOT_A_VHDX}, {@code VHDX_CORRUPT}
   */
  public Device attach(Path vhdx, String name, Operation operation)
      throws IOException, InterruptedException {
    Path home = directory.resolve(name);
    if (Files.exists(home)) {
      attacher.tearOff(home, operation);
    }
    try (UndoStack undo = new UndoStack(ticker)) {
      LoopDevice device = attacher.attach(vhdx, home, List.of("--partscan"), undo, operation);
      undo.keep();
      return device(device);
    }
  }

  /** The device of that name, if there is one whose disk was not torn off. */
  public Optional<Device> find(String name) throws IOException {
    return LoopDevice.backedBy(Attachment.rawFile(directory.resolve(name))).stream()
        .findFirst()
        .map(BlockDevices::device);
  }

  private static Device device(LoopDevice loop) {
    return new Device(loop.name(), loop.number());
  }

  /** The names under which something is attached, or is left of it. */
  public List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> homes = Files.newDirectoryStream(directory)) {
      homes.forEach(home -> names.add(String.valueOf(home.getFileName())));
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return names;
  }

  /**
   * Takes a device away after all was written. The file is closed when this returns.
   *
   * @throws ConflictException {@code STORAGE_BUSY} if the device is still in use after 15 s
   */
  public void detach(String name, Operation operation) throws IOException, InterruptedException {
    Path home = directory.resolve(name);
    attacher.detach(Attachment.look(home, home), operation);
  }

  /** Keeps a device from writing or reading anything more; it still has to be detached. */
  public void fail(String name, Operation operation) throws IOException, InterruptedException {
    attacher.kill(directory.resolve(name), operation);
  }

  /**
   * Takes a device away from whoever uses it: a file system that is mounted on it meets errors from
   * now on. The file is closed when this returns.
   */
  public void tearOff(String name, Operation operation) throws IOException, InterruptedException {
    attacher.tearOff(directory.resolve(name), operation);
  }
}
