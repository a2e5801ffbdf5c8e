package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;

/**
 * The table of the metadata region (MS-VHDX section 2.6.1): which items there are and where. What
 * the items say is {@link DiskMetadata}.
 *
 * @param items the place in the file of each known item that is there and sane
 */
record MetadataTable(Map<MetadataTable.Item, Region> items) {
  /** Bytes of the table; items come after it. */
  static final int LENGTH = 64 << 10;

  /** The signature "metadata", little-endian. */
  private static final long SIGNATURE = 0x617461646174656DL;

  private static final int ENTRY_LENGTH = 32;
  private static final int MAX_ENTRIES = LENGTH / ENTRY_LENGTH - 1;

  /** MS-VHDX section 2.6.1.2. */
  private static final int MAX_USER_ENTRIES = 1024;

  private static final int IS_USER = 1;
  private static final int IS_REQUIRED = 4;
  private static final int FLAGS = 7;

  /**
   * The items that are known (MS-VHDX section 2.6.2), in the order in which Windows writes them.
   */
  enum Item {
    FILE_PARAMETERS("caa16737-fa36-4d43-b3b6-33f0aa44e76b", 8, IS_REQUIRED),
    VIRTUAL_DISK_SIZE("2fa54224-cd1b-4876-b211-5dbed83bf4b8", 8, 6),
    LOGICAL_SECTOR_SIZE("8141bf1d-a96f-4709-ba47-f233a8faab5f", 4, 6),
    PHYSICAL_SECTOR_SIZE("cda348c7-445d-4471-9cc9-e9885251c556", 4, 6),
    VIRTUAL_DISK_ID("beca12ab-b2e6-4523-93ef-c309e000c746", 16, 6),
    PARENT_LOCATOR("a8d35f2d-b30b-454d-abf7-d3d84834ab0c", 0, IS_REQUIRED);

    private final UUID id;
    private final int length;
    private final int flags;

    Item(String id, int length, int flags) {
      this.id = UUID.fromString(id);
      this.length = length;
      this.flags = flags;
    }

    /** Bytes of the value, 0 if they vary. */
    int length() {
      return length;
    }

    private static Optional<Item> of(UUID id) {
      for (Item item : values()) {
        if (item.id.equals(id)) {
          return Optional.of(item);
        }
      }
      return Optional.empty();
    }
  }

  private record Key(UUID id, boolean user) {}

  /** Writes the table for the five items of a disk without a parent, packed as Windows does. */
  static void encode(ByteBuffer region) {
    region.putLong(0, SIGNATURE);
    int entries = 0;
    int offset = LENGTH;
    for (Item item : Item.values()) {
      if (item == Item.PARENT_LOCATOR) {
        continue;
      }
      entries++;
      int at = entries * ENTRY_LENGTH;
      Fields.putGuid(region, at, item.id);
      region.putInt(at + 16, offset);
      region.putInt(at + 20, item.length);
      region.putInt(at + 24, item.flags);
      offset += item.length;
    }
    region.putShort(10, (short) entries);
  }

  /**
   * Reads the table.
   *
   * @return empty if there is none; told in the findings
   */
  static Optional<MetadataTable> read(DiskBytes file, Region region, Findings findings)
      throws IOException {
    ByteBuffer table = file.read(region.offset(), LENGTH);
    if (table.getLong(0) != SIGNATURE) {
      findings.report(
          FindingCode.METADATA_SIGNATURE, region.offset(), "the metadata table has no signature");
      return Optional.empty();
    }
    int count = table.getShort(10) & 0xFFFF;
    if (count > MAX_ENTRIES) {
      findings.report(
          FindingCode.METADATA_COUNT,
          region.offset() + 10,
          "the metadata table lists " + count + " items");
      return Optional.empty();
    }
    if (table.getShort(8) != 0 || !isZero(table.slice(12, ENTRY_LENGTH - 12))) {
      findings.report(
          FindingCode.METADATA_RESERVED,
          region.offset(),
          "reserved fields at the head of the metadata table are set");
    }
    return Optional.of(new MetadataTable(decode(table, count, region, findings)));
  }

  private static Map<Item, Region> decode(
      ByteBuffer table, int count, Region region, Findings findings) {
    Map<Item, Region> items = new EnumMap<>(Item.class);
    List<Region> places = new ArrayList<>();
    Set<Key> seen = new HashSet<>();
    int users = 0;
    for (int i = 1; i <= count; i++) {
      int at = i * ENTRY_LENGTH;
      long where = region.offset() + at;
      UUID id = Fields.guid(table, at);
      int flags = table.getInt(at + 24);
      boolean user = (flags & IS_USER) != 0;
      Optional<Item> item = user ? Optional.empty() : Item.of(id);
      String name = item.map(Item::name).orElse("item " + Fields.show(id));
      users += user ? 1 : 0;
      if (!seen.add(new Key(id, user))) {
        findings.report(
            FindingCode.METADATA_ITEM_DUPLICATE, where, name + " is listed more than once");
        continue;
      }
      checkFlags(item, flags, name, where, findings);
      if ((flags & ~FLAGS) != 0 || table.getInt(at + 28) != 0) {
        findings.report(
            FindingCode.METADATA_RESERVED, where, name + " has reserved flags or fields set");
      }
      place(table, at, region, name, findings)
          .ifPresent(
              place -> {
                places.add(place);
                item.filter(known -> lengthFits(known, place, where, findings))
                    .ifPresent(known -> items.put(known, place));
              });
    }
    if (users > MAX_USER_ENTRIES) {
      findings.report(
          FindingCode.METADATA_COUNT, region.offset(), "there are " + users + " user items");
    }
    checkOverlaps(places, findings);
    return items;
  }

  private static boolean isZero(ByteBuffer bytes) {
    while (bytes.hasRemaining()) {
      if (bytes.get() != 0) {
        return false;
      }
    }
    return true;
  }

  private static void checkFlags(
      Optional<Item> item, int flags, String name, long where, Findings findings) {
    if (item.isEmpty() && (flags & IS_REQUIRED) != 0) {
      findings.report(
          FindingCode.METADATA_ITEM_UNKNOWN, where, name + " is required, and not known");
    }
    if (item.filter(known -> known.flags != (flags & FLAGS)).isPresent()) {
      findings.report(
          FindingCode.METADATA_ITEM_FLAGS, where, name + " has unusual flags: " + (flags & FLAGS));
    }
  }

  /** The place in the file of an item; empty if it has no bytes or a place that cannot be. */
  private static Optional<Region> place(
      ByteBuffer table, int at, Region region, String name, Findings findings) {
    long offset = table.getInt(at + 16) & 0xFFFF_FFFFL;
    long length = table.getInt(at + 20) & 0xFFFF_FFFFL;
    if (offset == 0 && length == 0) {
      return Optional.empty();
    }
    boolean sane =
        length > 0
            && length <= Fields.MIB
            && offset >= LENGTH
            && offset + length <= region.length();
    if (!sane) {
      findings.report(
          FindingCode.METADATA_ITEM_EXTENT,
          region.offset() + at,
          name + " cannot be " + length + " bytes long at offset " + offset + " of its region");
      return Optional.empty();
    }
    return Optional.of(new Region(name, region.offset() + offset, length));
  }

  private static boolean lengthFits(Item item, Region place, long where, Findings findings) {
    if (item.length == 0 || item.length == place.length()) {
      return true;
    }
    findings.report(
        FindingCode.METADATA_ITEM_LENGTH,
        where,
        item + " is " + place.length() + " bytes long, not " + item.length);
    return false;
  }

  private static void checkOverlaps(List<Region> places, Findings findings) {
    places.sort(Comparator.comparingLong(Region::offset));
    for (int i = 1; i < places.size(); i++) {
      // With the neighbour only: a longer one further back then overlaps that neighbour as well.
      if (places.get(i).overlaps(places.get(i - 1))) {
        findings.report(
            FindingCode.METADATA_ITEM_OVERLAP,
            places.get(i).offset(),
            places.get(i).name() + " overlaps " + places.get(i - 1).name());
      }
    }
  }
}
