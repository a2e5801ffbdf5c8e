package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;

/**
 * The first bytes of a VHDX (MS-VHDX section 2.2.1): the signature, and the program that made it.
 */
public final class FileIdentifier {
  /** The signature "vhdxfile", little-endian. */
  private static final long SIGNATURE = 0x656C696678646876L;

  private static final int CREATOR_LENGTH = 512;
  private static final int LENGTH = Long.BYTES + CREATOR_LENGTH;

  private FileIdentifier() {}

  /** The bytes for a creator of at most 255 characters. */
  public static ByteBuffer encode(String creator) {
    ByteBuffer b = Fields.zeros(Fields.SECTOR);
    b.putLong(SIGNATURE);
    b.put(creator.getBytes(StandardCharsets.UTF_16LE));
    return b.rewind();
  }

  /**
   * Checks that this is a VHDX of a length that can be one.
   *
   * @return whether the header section can be read; if not, told in the findings
   * @throws org.nixwsl.storage.error.DiskException {@code NOT_A_VHDX} also when findings are only
   *     collected: there is nothing to check
   */
  public static boolean check(DiskBytes file, Findings findings) throws IOException {
    if (file.size() < Long.BYTES || file.read(0, Long.BYTES).getLong(0) != SIGNATURE) {
      throw findings.refusal(
          FindingCode.NOT_A_VHDX, "it does not begin with the signature of a VHDX");
    }
    if (file.size() < Fields.MIB) {
      findings.report(
          FindingCode.FILE_TRUNCATED,
          file.size(),
          "the file ends after " + file.size() + " bytes, inside its header section");
      return false;
    }
    if (file.size() > Fields.LARGEST_FILE) {
      findings.report(
          FindingCode.FILE_TOO_LARGE, Fields.LARGEST_FILE, "the file is longer than 128 TiB");
      return false;
    }
    if (!Fields.isMibMultiple(file.size())) {
      findings.report(
          FindingCode.FILE_LENGTH,
          file.size(),
          "the file's length of " + file.size() + " bytes is no multiple of 1 MiB");
    }
    return true;
  }

  /** What the program that made the file calls itself; for people only. */
  public static String creator(DiskBytes file) throws IOException {
    return Fields.text(file.read(0, LENGTH), Long.BYTES, CREATOR_LENGTH);
  }
}
