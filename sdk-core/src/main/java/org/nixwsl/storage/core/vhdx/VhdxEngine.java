package org.nixwsl.storage.core.vhdx;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.DiskBytes;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.core.vhdx.format.ParentLocator;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCheck.Finding;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.disk.ParentAccess;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.migrate.Stage;

/**
 * The VHDX manager in pure Java. Thread-safe. Takes no more than about 32 MiB of memory for a file,
 * whatever the file says: block table and log are paged.
 */
public final class VhdxEngine implements VhdxManager {
  /** Reading back is about half of the work of a copy. */
  private static final Map<Stage, Double> COPY_STAGES = Map.of(Stage.COPY, 2.0, Stage.PROVE, 1.0);

  private final Ticker ticker;
  private final DosAttributes dosAttributes;

  /** An engine on the machine's clocks. */
  public VhdxEngine() {
    this(Ticker.system());
  }

  /** An engine on other clocks; they only show in events. */
  public VhdxEngine(Ticker ticker) {
    this(ticker, DosAttributes.ofSystem());
  }

  /** An engine that has the attributes of files from somewhere else. */
  public VhdxEngine(Ticker ticker, DosAttributes dosAttributes) {
    this.ticker = ticker;
    this.dosAttributes = dosAttributes;
  }

  /** What is done with an open file. */
  @FunctionalInterface
  private interface Use<T> {
    T of(LockedFile file, String name, Operation operation)
        throws IOException, InterruptedException;
  }

  @Override
  public DiskInfo create(Path file, DiskSpec spec, RunOptions options) {
    String name = PathBytes.printable(file);
    return Operation.run(
        "create the disk " + name,
        options,
        ticker,
        Map.of(Stage.DISK, 1.0),
        operation -> {
          Geometry geometry = DiskCreation.geometry(spec);
          NewDisk.requireUsableName(file, name);
          return unchanged(
              operation,
              "create " + name,
              () -> withHostAttributes(NewDisk.create(file, name, geometry, operation), file));
        });
  }

  @Override
  public DiskInfo inspect(Path file) {
    return reading(
        file,
        "inspect",
        (open, name, operation) -> {
          try (open) {
            return withHostAttributes(info(open, name, operation), file);
          }
        });
  }

  @Override
  public DiskCheck check(Path file, ParentAccess parents) {
    return reading(
        file,
        "check",
        (open, name, operation) -> {
          try {
            DiskCheck alone = check(open, name, operation);
            boolean whole = alone.status() != DiskCheck.Status.ERRORS;
            return whole ? withParents(alone, open, file, name, parents, operation) : alone;
          } finally {
            open.close();
          }
        });
  }

  @Override
  public SeekableByteChannel openForReading(Path file, ParentAccess parents) {
    return reading(
        file,
        "open",
        (open, name, operation) -> {
          DiskChain chain = DiskChain.open(open, file, parents, operation);
          return VirtualDiskChannel.forReading(chain, chain.contents());
        });
  }

  @Override
  public DiskCopy copy(Path source, Path target, DiskCopyOptions options, RunOptions run) {
    String from = PathBytes.printable(source);
    String to = PathBytes.printable(target);
    return Operation.run(
        "copy the disk " + from + " to " + to,
        run,
        ticker,
        COPY_STAGES,
        operation -> {
          NewDisk.requireUsableName(target, to);
          return unchanged(
              operation,
              "copy " + from + " to " + to,
              () -> {
                LockedFile open = LockedFile.open(source, operation);
                try (DiskChain chain = DiskChain.open(open, source, options.parents(), operation)) {
                  DiskCopy copy =
                      NewDisk.copy(open, chain.contents(), target, to, options, operation);
                  return new DiskCopy(
                      withHostAttributes(copy.disk(), target),
                      copy.dataBytes(),
                      copy.contentsDigest(),
                      copy.duration());
                }
              });
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

  @Override
  public DiskInfo resize(Path file, DiskResize resize, RunOptions options) {
    return changing(
        file,
        "resize",
        options,
        (open, name, operation) -> {
          try (open) {
            operation.runStage(
                Stage.DISK,
                progress -> Resizing.run(open.writable(), name, resize, operation, progress));
            return info(open, name, operation);
          }
        });
  }

  @Override
  public DiskCompaction compact(Path file, RunOptions options) {
    return changing(
        file,
        "compact",
        options,
        (open, name, operation) -> {
          try (open) {
            return operation.stage(
                Stage.DISK, progress -> Compaction.run(open.writable(), name, operation, progress));
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
        image.metadata().parent().flatMap(ParentLocator::path),
        image.metadata().parent().map(ParentLocator::shown).orElse(Map.of()),
        Optional.empty());
  }

  private DiskInfo withHostAttributes(DiskInfo info, Path file) throws IOException {
    return info.withHostAttributes(DosAttributes.decode(dosAttributes.of(file)));
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

  /** The findings, and what is wrong with the parents of a disk that is sound itself. */
  private static DiskCheck withParents(
      DiskCheck alone,
      LockedFile file,
      Path path,
      String name,
      ParentAccess parents,
      Operation operation)
      throws IOException, InterruptedException {
    Findings findings = Findings.collecting(name);
    try {
      DiskChain.open(file, path, parents, operation).close();
    } catch (DiskException e) {
      if (e.code() == ErrorCode.VHDX_IN_USE) {
        throw e; // says nothing about the disks
      }
      String message = e.problem().message();
      findings.report(
          FindingCode.ofParent(e.code()), 0, message.substring(0, message.length() - 1));
    }
    List<Finding> all = new ArrayList<>(alone.findings());
    all.addAll(findings.toList());
    all.sort(Comparator.comparing(Finding::severity).reversed());
    return new DiskCheck(all);
  }

  /** A disk that is all there is: no error anywhere, and no parent. */
  static DiskImage readable(DiskBytes file, String name, Operation operation) throws IOException {
    DiskImage image = sound(file, name, operation);
    if (image.geometry().type() == DiskType.DIFFERENCING) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_UNSUPPORTED,
              "Cannot use what " + name + " holds: that is only what differs from a parent disk.",
              "Merge it into its parent with the program that made it."));
    }
    return image;
  }

  /** A disk of any type without an error anywhere, its parents not looked at. */
  static DiskImage sound(DiskBytes file, String name, Operation operation) throws IOException {
    Findings strict = Findings.refusing(name);
    DiskImage image = DiskImage.readStrictly(file, name, strict);
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
        Map.of(Stage.DISK, 1.0),
        operation -> body.of(LockedFile.openForWriting(file, operation), name, operation));
  }

  private static void closeAfter(Throwable failure, LockedFile file) {
    try {
      file.close();
    } catch (IOException closing) {
      failure.addSuppressed(closing);
    }
  }
}
