package org.nixwsl.storage.core.vhdx;

import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.StorageSdkException;

/** A program that a test starts in a JVM of its own: with little memory, or to hold a lock. */
final class ChildJvm {
  private ChildJvm() {}

  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /** Runs one command and prints its result, or the code of the refusal. */
  public static void main(String[] args) throws Exception {
    VhdxEngine engine = new VhdxEngine();
    Path file = Path.of(args[1]);
    Supplier<String> command =
        switch (args[0]) {
          case "create" ->
              () -> engine.create(file, DiskSpec.ofSize(ByteSize.parse(args[2]))).toString();
          case "create-fixed" -> () -> engine.create(file, fixed(args[2])).toString();
          case "inspect" -> () -> engine.inspect(file).toString();
          case "resize" -> () -> engine.resize(file, ByteSize.parse(args[2])).toString();
          case "compact" -> () -> engine.compact(file).toString();
          case "check" -> () -> engine.check(file).toString();
          default -> throw new IllegalArgumentException(args[0]);
        };
    try {
      print(command.get());
    } catch (StorageSdkException e) {
      print(e.code() + " " + e.stateLeft() + " " + e.getMessage());
      System.exit(3);
    }
    if (args.length > 3) {
      try (SeekableByteChannel channel = engine.openForReading(file)) {
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        channel.position(channel.size() - 4096).read(buffer);
        print("read " + buffer.position());
      }
    }
  }

  private static DiskSpec fixed(String size) {
    return DiskSpec.builder().virtualSize(ByteSize.parse(size)).fixed(true).build();
  }

  private static void print(String line) {
    System.out.println(line);
  }
}
