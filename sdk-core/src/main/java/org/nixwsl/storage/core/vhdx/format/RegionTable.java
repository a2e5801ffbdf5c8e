package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;

/**
 * The region table of a VHDX (MS-VHDX section 2.2.3): where metadata and block table are. Two
 * copies that have to agree; the second is for the case that the first is damaged.
 *
 * @param metadata the metadata region
 * @param blockTable the region of the block allocation table
 * @param all every range of the file that is taken before any block is: the first MiB, the log, and
 *     the regions, unknown ones included; in the order of their offsets, not overlapping
 */
public record RegionTable(Region metadata, Region blockTable, List<Region> all) {
  /** Where the two copies are. */
  static final long[] OFFSETS = {192 << 10, 256 << 10};

  static final int LENGTH = 64 << 10;

  private static final UUID BLOCK_TABLE = UUID.fromString("2dc27766-f623-4200-9d64-115e9bfd4a08");
  private static final UUID METADATA = UUID.fromString("8b7ca206-4790-4b9a-b8fe-575f050f886e");

  /** The signature "regi", little-endian. */
  private static final int SIGNATURE = 0x69676572;

  private static final int HEADER_LENGTH = 16;
  private static final int ENTRY_LENGTH = 32;

  /** What fits into 64 KiB (MS-VHDX section 2.2.3.1). */
  private static final int MAX_ENTRIES = (LENGTH - HEADER_LENGTH) / ENTRY_LENGTH;

  private static final int REQUIRED = 1;

  /** Copies the list. */
  public RegionTable {
    all = List.copyOf(all);
  }

  /** How long a copy is, in bytes. */
  public static int length() {
    return LENGTH;
  }

  /** Where a copy is in the file, in bytes. */
  public static long offsetOf(int copy) {
    return OFFSETS[copy];
  }

  /** The bytes of a copy for a disk with these two regions. */
  public static ByteBuffer encode(Region metadata, Region blockTable) {
    ByteBuffer b = Fields.zeros(LENGTH);
    b.putInt(0, SIGNATURE);
    b.putInt(8, 2);
    encodeEntry(b, 0, BLOCK_TABLE, blockTable);
    encodeEntry(b, 1, METADATA, metadata);
    Fields.putChecksum(b);
    return b;
  }

  /**
   * The bytes of a copy that differs from what the file has in the place of the block table only.
   *
   * @param file a file with a valid copy that lists a block table
   */
  public static ByteBuffer withBlockTable(DiskBytes file, Region blockTable) throws IOException {
    ByteBuffer copy = file.read(OFFSETS[0], LENGTH);
    if (copy.getInt(0) != SIGNATURE || !Fields.checksumMatches(copy)) {
      copy = file.read(OFFSETS[1], LENGTH);
    }
    int at = HEADER_LENGTH;
    while (!Fields.guid(copy, at).equals(BLOCK_TABLE)) {
      at += ENTRY_LENGTH;
    }
    copy.putLong(at + 16, blockTable.offset());
    copy.putInt(at + 24, (int) blockTable.length());
    Fields.putChecksum(copy);
    return copy;
  }

  private static void encodeEntry(ByteBuffer b, int index, UUID id, Region region) {
    int at = HEADER_LENGTH + index * ENTRY_LENGTH;
    Fields.putGuid(b, at, id);
    b.putLong(at + 16, region.offset());
    b.putInt(at + 24, (int) region.length());
    b.putInt(at + 28, REQUIRED);
  }

  /**
   * Reads the table that counts and checks its regions against each other, the log and the file.
   *
   * @param file the file with its log replayed
   * @return empty if metadata or block table cannot be found; told in the findings
   */
  public static Optional<RegionTable> read(DiskBytes file, Header header, Findings findings)
      throws IOException {
    ByteBuffer first = file.read(OFFSETS[0], LENGTH);
    ByteBuffer second = file.read(OFFSETS[1], LENGTH);
    boolean firstValid = valid(first, OFFSETS[0], findings);
    boolean secondValid = valid(second, OFFSETS[1], findings);
    if (!firstValid && !secondValid) {
      findings.report(
          FindingCode.NO_VALID_REGION_TABLE, OFFSETS[0], "neither region table is valid");
      return Optional.empty();
    }
    if (firstValid && secondValid && !first.equals(second)) {
      findings.report(
          FindingCode.REGION_TABLES_DIFFER, OFFSETS[1], "both region tables are valid and differ");
    }
    return decode(firstValid ? first : second, OFFSETS[firstValid ? 0 : 1], file, header, findings);
  }

  private static boolean valid(ByteBuffer copy, long at, Findings findings) {
    if (copy.getInt(0) != SIGNATURE) {
      findings.report(FindingCode.REGION_TABLE_INVALID, at, "a region table has no signature");
      return false;
    }
    if (!Fields.checksumMatches(copy)) {
      findings.report(
          FindingCode.REGION_TABLE_INVALID, at, "the checksum of a region table is wrong");
      return false;
    }
    return true;
  }

  private static Optional<RegionTable> decode(
      ByteBuffer table, long tableOffset, DiskBytes file, Header header, Findings findings) {
    long count = table.getInt(8) & 0xFFFF_FFFFL;
    if (count > MAX_ENTRIES) {
      findings.report(
          FindingCode.REGION_COUNT,
          tableOffset + 8,
          "the region table lists " + count + " regions");
      return Optional.empty();
    }
    List<Region> taken = new ArrayList<>();
    taken.add(new Region("the header section", 0, Fields.MIB));
    if (header.logFits(file.size())) {
      taken.add(new Region("the log", header.logOffset(), header.logLength()));
    }
    Map<UUID, Region> known = new HashMap<>();
    Set<UUID> seen = new HashSet<>();
    for (int i = 0; i < count; i++) {
      int at = HEADER_LENGTH + i * ENTRY_LENGTH;
      UUID id = Fields.guid(table, at);
      long where = tableOffset + at;
      checkId(id, (table.getInt(at + 28) & REQUIRED) != 0, where, findings);
      if (!seen.add(id)) {
        findings.report(
            FindingCode.REGION_DUPLICATE, where, name(id) + " is listed more than once");
        continue;
      }
      long offset = table.getLong(at + 16);
      long length = table.getInt(at + 24) & 0xFFFF_FFFFL;
      if (placeIsSane(id, offset, length, where, file, findings)) {
        Region region = new Region(name(id), offset, length);
        taken.add(region);
        known.put(id, region);
      }
    }
    checkOverlaps(taken, findings);
    return complete(known, taken, seen, tableOffset, findings);
  }

  private static void checkId(UUID id, boolean required, long where, Findings findings) {
    boolean known = id.equals(BLOCK_TABLE) || id.equals(METADATA);
    if (known && !required) {
      findings.report(
          FindingCode.REGION_NOT_REQUIRED, where, name(id) + " is not marked as required");
    } else if (!known && required) {
      findings.report(
          FindingCode.REGION_UNKNOWN, where, name(id) + " is required, and its use is not known");
    }
  }

  private static boolean placeIsSane(
      UUID id, long offset, long length, long where, DiskBytes file, Findings findings) {
    boolean sane =
        Fields.isMibMultiple(offset)
            && offset >= Fields.MIB
            && Fields.isMibMultiple(length)
            && length > 0
            && file.contains(offset, length);
    if (!sane) {
      findings.report(
          FindingCode.REGION_EXTENT,
          where,
          name(id)
              + " cannot be "
              + length
              + " bytes long at offset "
              + Long.toUnsignedString(offset)
              + " of a file of "
              + file.size()
              + " bytes");
    }
    return sane;
  }

  private static void checkOverlaps(List<Region> taken, Findings findings) {
    taken.sort(Comparator.comparingLong(Region::offset));
    Region reachingFarthest = taken.get(0);
    for (Region region : taken.subList(1, taken.size())) {
      if (region.overlaps(reachingFarthest)) {
        findings.report(
            FindingCode.REGION_OVERLAP,
            region.offset(),
            region.name() + " overlaps " + reachingFarthest.name());
      }
      if (region.end() > reachingFarthest.end()) {
        reachingFarthest = region;
      }
    }
  }

  private static Optional<RegionTable> complete(
      Map<UUID, Region> known,
      List<Region> taken,
      Set<UUID> listed,
      long tableOffset,
      Findings findings) {
    for (UUID id : List.of(METADATA, BLOCK_TABLE)) {
      if (!listed.contains(id)) {
        findings.report(
            FindingCode.REGION_MISSING, tableOffset, name(id) + " is not in the region table");
      }
    }
    Region metadata = known.get(METADATA);
    Region blockTable = known.get(BLOCK_TABLE);
    return metadata == null || blockTable == null
        ? Optional.empty()
        : Optional.of(new RegionTable(metadata, blockTable, taken));
  }

  private static String name(UUID id) {
    if (id.equals(BLOCK_TABLE)) {
      return "the block table";
    }
    return id.equals(METADATA) ? "the metadata region" : "the region " + Fields.show(id);
  }
}
