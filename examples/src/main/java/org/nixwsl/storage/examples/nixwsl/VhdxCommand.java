package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.disk.BlockCounts;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCompaction;
import org.nixwsl.storage.disk.DiskCopy;
import org.nixwsl.storage.disk.DiskCopyOptions;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.DiskResize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.ParentAccess;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/**
 * {@code nixwsl vhdx}: virtual disk files. Over 400 lines, because the options of nine commands are
 * most of it; each command is one call of the SDK.
 */
@Command(
    name = "vhdx",
    description =
        "Create, examine, read, write, resize, compact, copy and repair virtual disk files"
            + " (VHDX).")
final class VhdxCommand {
  private static final int BUFFER = 1 << 20;

  VhdxCommand() {}

  @Command(
      name = "create",
      description = "Create a disk that grows as it is written to, or a fixed one.")
  int create(
      @Parameters(paramLabel = "FILE", description = "The file to make; ends in .vhdx.") Path file,
      @Option(
              names = "--size",
              required = true,
              paramLabel = "SIZE",
              description = "What the disk has inside, such as 256G or 2T.")
          ByteSize size,
      @Option(
              names = "--block-size",
              defaultValue = "1M",
              paramLabel = "SIZE",
              description = "How much the file grows at a time, 1M to 256M; ${DEFAULT-VALUE}.")
          ByteSize blockSize,
      @Option(
              names = "--logical-sector",
              defaultValue = "512",
              paramLabel = "BYTES",
              description = "512 or 4096; ${DEFAULT-VALUE} when not given.")
          int logicalSector,
      @Option(
              names = "--physical-sector",
              defaultValue = "4096",
              paramLabel = "BYTES",
              description = "512 or 4096; ${DEFAULT-VALUE} when not given.")
          int physicalSector,
      @Option(names = "--fixed", description = "Write the whole disk now; the file never grows.")
          boolean fixed,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskSpec spec =
          DiskSpec.builder()
              .virtualSize(size)
              .blockSize(blockSize)
              .logicalSectorSize(logicalSector)
              .physicalSectorSize(physicalSector)
              .fixed(fixed)
              .build();
      show(sdk.vhdx().create(file, spec, output.following()), output);
      return NixWsl.OK;
    }
  }

  @Command(name = "inspect", description = "Tell what a disk is.")
  int inspect(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      show(sdk.vhdx().inspect(file), output);
      return NixWsl.OK;
    }
  }

  @Command(
      name = "check",
      description = "Look for everything that is wrong with a disk. Exit 1: errors were found.")
  int check(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Mixin Parents parents,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskCheck check = sdk.vhdx().check(file, parents.access());
      output.print(
          Output.object(
              "status",
              Output.camel(check.status()),
              "findings",
              check.findings().stream()
                  .map(
                      f ->
                          Output.object(
                              "severity",
                              Output.camel(f.severity()),
                              "code",
                              f.code(),
                              "message",
                              f.message(),
                              "offset",
                              f.offset()))
                  .toList()),
          out -> print(out, check));
      return check.status() == DiskCheck.Status.ERRORS ? NixWsl.FINDINGS : NixWsl.OK;
    }
  }

  @Command(name = "read", description = "Write bytes of the virtual disk to standard output.")
  int read(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Option(
              names = "--offset",
              defaultValue = "0",
              paramLabel = "SIZE",
              description = "Where to begin; 0 when not given.")
          ByteSize offset,
      @Option(names = "--length", paramLabel = "SIZE", description = "To the end when not given.")
          @Nullable ByteSize length,
      @Mixin Parents parents,
      @Mixin Output output)
      throws IOException {
    // Standard output carries the bytes, so that there is no JSON to print.
    PrintStream bytes = System.out;
    try (StorageSdk sdk = StorageSdk.open();
        SeekableByteChannel disk = sdk.vhdx().openForReading(file, parents.access())) {
      long from = offset.bytes();
      long rest = disk.size() - from;
      long wanted = Optional.ofNullable(length).map(ByteSize::bytes).orElse(Math.max(0, rest));
      if (rest < wanted || rest < 0) {
        throw new ParameterException(
            NixWsl.commandLine(),
            "The disk has " + disk.size() + " bytes: offset and length reach beyond its end.");
      }
      copy(disk.position(from), wanted, Channels.newChannel(bytes));
      bytes.flush();
      return NixWsl.OK;
    }
  }

  @Command(
      name = "write",
      description = "Write standard input to the virtual disk; on the device when this ends well.")
  int write(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Option(
              names = "--offset",
              required = true,
              paramLabel = "SIZE",
              description = "Where to begin.")
          ByteSize offset,
      @Mixin Output output)
      throws IOException {
    try (StorageSdk sdk = StorageSdk.open()) {
      long written;
      try (DiskChannel disk = sdk.vhdx().openForWriting(file)) {
        if (offset.bytes() > disk.size()) {
          throw new ParameterException(
              NixWsl.commandLine(),
              "The disk has " + disk.size() + " bytes: the offset is beyond its end.");
        }
        written = copy(System.in, disk.position(offset.bytes()));
      }
      output.print(
          Output.object("offset", offset.bytes(), "bytes", written),
          out -> out.printf("%d bytes written at %d%n", written, offset.bytes()));
      return NixWsl.OK;
    }
  }

  @Command(
      name = "repair",
      description = "Replay the log, and make damaged copies of header or region table good.")
  int repair(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskRepair done = sdk.vhdx().repair(file, output.following());
      output.print(
          Output.object(
              "replayedLogEntries",
              done.replayedLogEntries(),
              "headerRewritten",
              done.headerRewritten(),
              "regionTableRewritten",
              done.regionTableRewritten()),
          out -> print(out, done));
      return NixWsl.OK;
    }
  }

  @Command(
      name = "copy",
      description =
          "Copy what a disk holds to a new disk, and read it back. A child is merged with its"
              + " parents.")
  int copy(
      @Parameters(paramLabel = "SRC", description = "A VHDX file.") Path source,
      @Parameters(paramLabel = "DST", description = "The file to make; ends in .vhdx.") Path target,
      @Option(
              names = "--new-identity",
              description = "Give the copy ids of its own, so that both may be attached at once.")
          boolean newIdentity,
      @Mixin Parents parents,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskCopyOptions options =
          DiskCopyOptions.builder().newIdentity(newIdentity).parents(parents.access()).build();
      DiskCopy copy = sdk.vhdx().copy(source, target, options, output.following());
      output.print(
          Output.object(
              "dataBytes",
              copy.dataBytes().bytes(),
              "contentsDigest",
              copy.contentsDigest(),
              "durationMillis",
              copy.duration().toMillis(),
              "disk",
              json(copy.disk())),
          out -> {
            out.printf(
                "%s copied and read back in %s%n", copy.dataBytes(), Output.time(copy.duration()));
            out.printf("contents digest %s%n", copy.contentsDigest());
            print(out, copy.disk());
          });
      return NixWsl.OK;
    }
  }

  @Command(
      name = "resize",
      description = "Give a disk another size; the file system in it is not touched.")
  int resize(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Option(
              names = "--size",
              required = true,
              paramLabel = "SIZE",
              description = "What the disk is to have inside, such as 256G or 2T.")
          ByteSize size,
      @Option(
              names = "--allow-data-loss",
              description = "Cut off what lies past a smaller size even if it is not zeros.")
          boolean allowDataLoss,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskResize resize =
          DiskResize.builder().virtualSize(size).allowDataLoss(allowDataLoss).build();
      show(sdk.vhdx().resize(file, resize, output.following()), output);
      return NixWsl.OK;
    }
  }

  @Command(
      name = "compact",
      description = "Make the file as short as it can be; blocks of zeros leave it.")
  int compact(
      @Parameters(paramLabel = "FILE", description = "A VHDX file.") Path file,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      DiskCompaction done = sdk.vhdx().compact(file, output.following());
      output.print(
          Output.object(
              "fileSizeBefore",
              done.fileSizeBefore().bytes(),
              "fileSize",
              done.fileSizeAfter().bytes(),
              "zeroBlocks",
              done.zeroBlocks(),
              "movedBlocks",
              done.movedBlocks()),
          out -> print(out, done));
      return NixWsl.OK;
    }
  }

  /** The option of commands that read a differencing disk. */
  static final class Parents {
    @Option(
        names = "--parents-anywhere",
        description =
            "Also read parents of a differencing disk that are outside the folder of their child."
                + " Only for files that you trust: they name what is read.")
    private boolean anywhere;

    Parents() {}

    ParentAccess access() {
      return anywhere ? ParentAccess.ANYWHERE : ParentAccess.CHILD_FOLDER;
    }
  }

  /** Refuses input that does not fit, and says how much of it is on the disk then. */
  private static long copy(InputStream in, DiskChannel disk) throws IOException {
    long written = 0;
    byte[] bytes = in.readNBytes(BUFFER);
    while (bytes.length > 0) {
      if (bytes.length > disk.size() - disk.position()) {
        throw new ParameterException(
            NixWsl.commandLine(),
            "The input reaches beyond the end of the disk, which has "
                + disk.size()
                + " bytes; the first "
                + written
                + " of it were written.");
      }
      written += disk.write(ByteBuffer.wrap(bytes));
      bytes = in.readNBytes(BUFFER);
    }
    return written;
  }

  private static void copy(SeekableByteChannel disk, long length, WritableByteChannel out)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    for (long left = length; left > 0; ) {
      buffer.clear().limit((int) Math.min(BUFFER, left));
      int read = disk.read(buffer);
      if (read < 0) {
        throw new IOException("The disk ended " + left + " bytes early");
      }
      buffer.flip();
      while (buffer.hasRemaining()) {
        out.write(buffer);
      }
      left -= read;
    }
  }

  private static void show(DiskInfo info, Output output) {
    output.print(json(info), out -> print(out, info));
  }

  private static Map<String, Object> json(DiskInfo info) {
    BlockCounts b = info.blocks();
    Map<String, Object> json =
        Output.object(
            "type",
            Output.camel(info.type()),
            "virtualSize",
            info.virtualSize().bytes(),
            "blockSize",
            info.blockSize().bytes(),
            "logicalSectorSize",
            info.logicalSectorSize(),
            "physicalSectorSize",
            info.physicalSectorSize(),
            "diskId",
            info.diskId().toString(),
            "dataWriteGuid",
            info.dataWriteGuid().toString(),
            "creator",
            info.creator(),
            "fileSize",
            info.fileSize().bytes(),
            "log",
            Output.camel(info.log()),
            "logEntries",
            info.logEntries(),
            "blocks",
            Output.object(
                "fullyPresent",
                b.fullyPresent(),
                "partiallyPresent",
                b.partiallyPresent(),
                "zero",
                b.zero(),
                "unmapped",
                b.unmapped(),
                "notPresent",
                b.notPresent(),
                "undefined",
                b.undefined()));
    info.parent().ifPresent(parent -> json.put("parent", parent));
    if (!info.parentLocator().isEmpty()) {
      json.put("parentLocator", new TreeMap<>(info.parentLocator()));
    }
    info.hostAttributes()
        .ifPresent(
            attributes ->
                json.put(
                    "hostAttributes",
                    attributes.stream()
                        .sorted()
                        .map(a -> Output.object("name", Output.camel(a), "meaning", a.meaning()))
                        .toList()));
    return json;
  }

  private static void print(PrintWriter out, DiskInfo info) {
    out.printf("type            %s%n", Output.camel(info.type()));
    out.printf("virtual size    %s (%d bytes)%n", info.virtualSize(), info.virtualSize().bytes());
    out.printf("file size       %s (%d bytes)%n", info.fileSize(), info.fileSize().bytes());
    out.printf("block size      %s%n", info.blockSize());
    out.printf(
        "sectors         %d logical, %d physical%n",
        info.logicalSectorSize(), info.physicalSectorSize());
    out.printf("disk id         %s%n", info.diskId());
    out.printf("data write GUID %s%n", info.dataWriteGuid());
    out.printf("creator         %s%n", info.creator());
    out.printf("log             %s, %d entries%n", Output.camel(info.log()), info.logEntries());
    out.printf(
        "blocks          %d in the file, %d not, %d in all%n",
        info.blocks().fullyPresent() + info.blocks().partiallyPresent(),
        info.blocks().total() - info.blocks().fullyPresent() - info.blocks().partiallyPresent(),
        info.blocks().total());
    info.parent().ifPresent(parent -> out.printf("parent          %s%n", parent));
    new TreeMap<>(info.parentLocator())
        .forEach((key, value) -> out.printf("  %s: %s%n", key, value));
    out.printf("host attributes %s%n", hostAttributes(info));
    info.hostAttributes().stream()
        .flatMap(Set::stream)
        .sorted()
        .forEach(attribute -> out.printf("  %s%n", attribute.meaning()));
  }

  private static String hostAttributes(DiskInfo info) {
    return info.hostAttributes()
        .map(
            attributes ->
                attributes.isEmpty()
                    ? "none that matters"
                    : attributes.stream()
                        .sorted()
                        .map(Output::camel)
                        .collect(Collectors.joining(", ")))
        .orElse("not available on this system");
  }

  private static void print(PrintWriter out, DiskCompaction done) {
    out.printf("file size  %s, before %s%n", done.fileSizeAfter(), done.fileSizeBefore());
    out.printf(
        "blocks     %d of zeros left the file, %d moved%n", done.zeroBlocks(), done.movedBlocks());
  }

  private static void print(PrintWriter out, DiskRepair done) {
    if (!done.changed()) {
      out.println("nothing to repair");
    }
    if (done.replayedLogEntries() > 0) {
      out.printf("replayed %d entries of the log%n", done.replayedLogEntries());
    }
    if (done.headerRewritten()) {
      out.println("rewrote a damaged header");
    }
    if (done.regionTableRewritten()) {
      out.println("rewrote a damaged region table");
    }
  }

  private static void print(PrintWriter out, DiskCheck check) {
    out.println(Output.camel(check.status()));
    check
        .findings()
        .forEach(
            f ->
                out.printf(
                    "%s %s at %d: %s%n",
                    Output.camel(f.severity()), f.code(), f.offset(), f.message()));
  }
}
