package org.nixwsl.storage.benchmarks;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * What Jazzer calls with its inputs: an input says which bytes of a good VHDX are changed; the
 * checksums are made right again in most, and the file is inspected, checked and read. Anything but
 * the documented exception, a file that was changed, or a clean disk that cannot be read, is a
 * find. Not thread-safe, as Jazzer needs it.
 */
public final class VhdxFuzzTarget {
  /** The folder of the image; the process that starts Jazzer makes it. */
  static final String FOLDER = "nixwsl.fuzz.folder";

  private static final int MIB = 1 << 20;

  /** Offset and length of what a checksum covers (MS-VHDX sections 2.2.2 and 2.2.3). */
  private static final int[][] SEALED = {
    {64 << 10, 4096}, {128 << 10, 4096}, {192 << 10, 64 << 10}, {256 << 10, 64 << 10}
  };

  /** Where headers, tables, log, metadata and block table begin in the files that we make. */
  private static final int[] PLACES = {
    0, 64 << 10, 128 << 10, 192 << 10, 256 << 10, MIB, 2 * MIB, 2 * MIB + (64 << 10), 3 * MIB
  };

  private static final VhdxFuzzTarget TARGET = make();

  private final StorageSdk sdk = StorageSdk.open();
  private final Path file;
  private final byte[] good;

  private VhdxFuzzTarget(Path file) throws IOException {
    this.file = file;
    sdk.vhdx().create(file, DiskSpec.ofSize(ByteSize.mebibytes(16)));
    try (DiskChannel disk = sdk.vhdx().openForWriting(file)) {
      disk.write(ByteBuffer.wrap(new byte[] {1}));
      disk.position(3L * MIB).write(ByteBuffer.wrap(new byte[] {2}));
    }
    this.good = Files.readAllBytes(file);
  }

  private static VhdxFuzzTarget make() {
    try {
      return new VhdxFuzzTarget(Path.of(System.getProperty(FOLDER), "fuzz.vhdx"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Called by Jazzer for each input. */
  public static void fuzzerTestOneInput(FuzzedDataProvider data) throws IOException {
    TARGET.run(data);
  }

  private void run(FuzzedDataProvider data) throws IOException {
    byte[] image = good.clone();
    boolean sealed = data.consumeInt(0, 7) != 0;
    int changes = data.consumeInt(1, 6);
    for (int i = 0; i < changes; i++) {
      int at = PLACES[data.consumeInt(0, PLACES.length - 1)] + data.consumeInt(0, 8191);
      byte[] bytes = data.consumeBytes(data.consumeInt(1, 64));
      System.arraycopy(bytes, 0, image, at, bytes.length);
    }
    if (sealed) {
      for (int[] range : SEALED) {
        seal(image, range[0], range[1]);
      }
      int entry = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN).getInt(MIB + 8);
      seal(image, MIB, entry >= 4096 && entry <= MIB ? entry : 4096);
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(image), 0);
    }
    judge();
    if (!Arrays.equals(Files.readAllBytes(file), image)) {
      throw new IllegalStateException("Reading changed the file");
    }
  }

  private void judge() throws IOException {
    boolean sound;
    try {
      sound = sdk.vhdx().check(file).status() != DiskCheck.Status.ERRORS;
    } catch (StorageSdkException e) {
      sound = false; // the documented answer
    }
    try {
      sdk.vhdx().inspect(file);
    } catch (StorageSdkException e) {
      if (sound) {
        throw new IllegalStateException("A disk without errors cannot be inspected", e);
      }
    }
    try (SeekableByteChannel disk = sdk.vhdx().openForReading(file)) {
      ByteBuffer buffer = ByteBuffer.allocate(MIB);
      disk.read(buffer);
      disk.position(Math.max(0, disk.size() - MIB)).read(buffer.clear());
    } catch (StorageSdkException e) {
      if (sound) {
        throw new IllegalStateException("A disk without errors cannot be read", e);
      }
    }
  }

  private static void seal(byte[] image, int at, int length) {
    ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(at + 4, 0);
    CRC32C crc = new CRC32C();
    crc.update(image, at, length);
    bytes.putInt(at + 4, (int) crc.getValue());
  }
}
