package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.ParentLocator;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;

/**
 * The VHDX manager in pure Java. Thread-safe. Takes no more than about 32 MiB of memory, whatever
 * the file says: block table and log are paged.
 */
public final class VhdxEngine implements VhdxManager {
  private static final String EXTENSION = ".vhdx";

  private final Ticker ticker;

  /** An engine on the machine's clocks. */
  public VhdxEngine() {
    this(Ticker.system());
  }

  /** An engine on other clocks; they only show in events. */
  public VhdxEngine(Ticker ticker) {
    this.ticker = ticker;
  }

  /** What is done with an open file. */
  @FunctionalInterface
  private interface Use<T> {
    T of(LockedFile file, String name, Operation operation) throws IOException;
  }

  @Override
  public DiskInfo create(Path file, DiskSpec spec, RunOptions options) {
    String name = PathBytes.printable(file);
    return Operation.run(
        "create the disk " + name,
        options,
        ticker,
        Map.of(),
        operation -> {
          Geometry geometry = DiskCreation.geometry(spec);
          requireUsableName(file, name);
          return unchanged(
              operation, "create " + name, () -> createFile(file, name, geometry, operation));
        });
  }

  @Override
  public DiskInfo inspect(Path file) {
    return reading(
        file,
        "inspect",
        (open, name, operation) -> {
          try (open) {
            return info(open, name, operation);
          }
        });
  }

  @Override
  public DiskCheck check(Path file) {
    return reading(
        file,
        "check",
        (open, name, operation) -> {
          try (open) {
            return check(open, name, operation);
          }
        });
  }

  @Override
  public SeekableByteChannel openForReading(Path file) {
    return reading(
        file,
        "open",
        (open, name, operation) -> {
          try {
            return VirtualDiskChannel.forReading(open, readable(open, name, operation), name);
          } catch (Throwable e) {
            closeAfter(e, open);
            throw e;
          }
        });
  }

  @Override
  public DiskChannel openForWriting(Path file) {
    return changing(
        file,
        "open",
        RunOptions.ofDefaults(),
        (open, name, operation) -> {
          try {
            return writing(open, open.writable(), name, operation);
          } catch (Throwable e) {
            closeAfter(e, open);
            throw e;
          }
        });
  }

  @Override
  public DiskRepair repair(Path file, RunOptions options) {
    return changing(
        file,
        "repair",
        options,
        (open, name, operation) -> {
          try (open) {
            return Repair.run(open.writable(), name, operation);
          }
        });
  }

  /** Everything about a disk. An error in a structure or in the block table refuses it. */
  static DiskInfo info(DiskBytes file, String name, Operation operation) throws IOException {
    Findings logFindings = Findings.collecting(name);
    DiskImage image = DiskImage.readStrictly(file, name, logFindings);
    BlockCounts blocks = BlockScan.run(image, Findings.refusing(name), operation);
    Geometry geometry = image.geometry();
    return new DiskInfo(
        geometry.type(),
        ByteSize.ofBytes(geometry.virtualSize()),
        ByteSize.ofBytes(geometry.blockSize()),
        geometry.logicalSectorSize(),
        geometry.physicalSectorSize(),
        image.metadata().diskId(),
        image.header().dataWriteGuid(),
        image.creator(),
        ByteSize.ofBytes(file.size()),
        image.log().state(),
        image.log().entries(),
        blocks,
        image.metadata().parent().flatMap(ParentLocator::path));
  }

  /** Everything that is wrong with a disk. */
  static DiskCheck check(DiskBytes file, String name, Operation operation) throws IOException {
    Findings findings = Findings.collecting(name);
    Optional<DiskImage> image = DiskImage.read(file, findings, findings);
    if (image.isPresent()) {
      BlockScan.run(image.get(), findings, operation);
    }
    return new DiskCheck(findings.toList());
  }

  /** A disk whose contents can be read: no error anywhere, and no parent. */
  static DiskImage readable(DiskBytes file, String name, Operation operation) throws IOException {
    Findings strict = Findings.refusing(name);
    DiskImage image = DiskImage.readStrictly(file, name, strict);
    if (image.geometry().type() == DiskType.DIFFERENCING) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_UNSUPPORTED,
              "Cannot use what " + name + " holds: that is only what differs from a parent disk.",
              "Merge it into its parent with the program that made it."));
    }
    BlockScan.run(image, strict, operation);
    return image;
  }

  /**
   * A disk whose contents can be written: as {@link #readable}, and its log has been replayed to
   * the file.
   *
   * @param owner closed with the channel
   */
  static DiskChannel writing(Closeable owner, WritableBytes file, String name, Operation operation)
      throws IOException {
    DiskImage image = readable(file, name, operation);
    Repair.requireChangeable(image, name);
    if (image.log().state() == LogState.DIRTY) {
      Repair.replayLog(file, image);
      image = readable(file, name, operation);
    }
    return VirtualDiskChannel.forWriting(owner, file, image, name);
  }

  private <T> T reading(Path file, String verb, Use<T> body) {
    String name = PathBytes.printable(file);
    return Operation.run(
        verb + " the disk " + name,
        RunOptions.ofDefaults(),
        ticker,
        Map.of(),
        operation ->
            unchanged(
                operation,
                verb + " " + name,
                () -> {
                  try {
                    return body.of(LockedFile.open(file, operation), name, operation);
                  } catch (ClosedByInterruptException e) {
                    throw e; // a cancellation, not an error of the file
                  } catch (IOException e) {
                    throw new EnvironmentException(
                        Problem.of(
                            ErrorCode.IO_FAILED,
                            "Cannot read " + name + ": " + e + ".",
                            "Look at the file and its device, then call again."),
                        e);
                  }
                }));
  }

  /** Runs what leaves everything as it was when it is cancelled. */
  private static <T> T unchanged(Operation operation, String what, Operation.Work<T> work) {
    try {
      operation.checkCancelled();
      return operation.translating(what, work);
    } catch (OperationCancelledException e) {
      throw new OperationCancelledException(e.problem().leaving(StateLeft.NOTHING_CHANGED), e);
    }
  }

  private <T> T changing(Path file, String verb, RunOptions options, Use<T> body) {
    String name = PathBytes.printable(file);
    return Operation.run(
        verb + " the disk " + name,
        options,
        ticker,
        Map.of(),
        operation -> body.of(LockedFile.openForWriting(file, operation), name, operation));
  }

  private static DiskInfo createFile(Path file, String name, Geometry geometry, Operation operation)
      throws IOException, InterruptedException {
    try {
      if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
        requireRoom(file, name, geometry);
      }
      DiskInfo[] made = new DiskInfo[1];
      DurableFiles.create(
          file,
          channel -> {
            DiskCreation.write(channel, geometry);
            // Read back by the strict reader before the name is given.
            made[0] = info(ChannelBytes.of(channel), name, operation);
            operation.checkCancelled();
          });
      return made[0];
    } catch (FileAlreadyExistsException e) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.ALREADY_EXISTS,
              "Cannot create " + name + ": it exists already.",
              "Choose another name, or remove it if it is not needed."),
          e);
    } catch (ClosedByInterruptException e) {
      throw e; // a cancellation, not an error of the file
    } catch (IOException e) {
      boolean noSpace = Operation.noSpace(e);
      throw new EnvironmentException(
          Problem.of(
                  noSpace ? ErrorCode.NO_SPACE : ErrorCode.IO_FAILED,
                  "Cannot create " + name + ": " + e + ".",
                  noSpace
                      ? "Make room on that file system and call again."
                      : "Look at the folder and its device, then call again.")
              .leaving(
                  // What could not be taken back is suppressed in the failure that made it
                  // necessary.
                  e.getSuppressed().length == 0
                      ? StateLeft.NOTHING_CHANGED
                      : StateLeft.NEEDS_CLEANUP),
          e);
    }
  }

  /**
   * A file system with holes would take the file without having the room for it, and fail its first
   * user instead.
   */
  private static void requireRoom(Path file, String name, Geometry geometry) throws IOException {
    long needed = DiskCreation.fileLength(geometry);
    Path folder = file.toAbsolutePath().getParent();
    long free = folder == null ? 0 : Files.getFileStore(folder).getUsableSpace();
    if (free < needed) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NO_SPACE,
              "Cannot create "
                  + name
                  + ": a new disk of that size takes "
                  + ByteSize.ofBytes(needed)
                  + ", and "
                  + ByteSize.ofBytes(free)
                  + " are free.",
              "Make room on that file system, choose a smaller disk or larger blocks."));
    }
  }

  private static void requireUsableName(Path file, String name) {
    if (!name.toLowerCase(Locale.ROOT).endsWith(EXTENSION)) {
      throw new DiskException(
          Problem.of(
              ErrorCode.BAD_SETTING,
              "Cannot create " + name + ": Windows attaches only files that end in .vhdx.",
              "Add the ending " + EXTENSION + "."));
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.NOT_FOUND,
              "Cannot create " + name + ": the folder for it does not exist.",
              "Make the folder first."));
    }
  }

  private static void closeAfter(Throwable failure, LockedFile file) {
    try {
      file.close();
    } catch (IOException closing) {
      failure.addSuppressed(closing);
    }
  }
}
