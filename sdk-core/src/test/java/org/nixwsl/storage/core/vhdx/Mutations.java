package org.nixwsl.storage.core.vhdx;

import static org.nixwsl.storage.core.vhdx.TestImage.BAT;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_1;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_2;
import static org.nixwsl.storage.core.vhdx.TestImage.ITEMS;
import static org.nixwsl.storage.core.vhdx.TestImage.METADATA;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;
import static org.nixwsl.storage.core.vhdx.TestImage.REGIONS_1;
import static org.nixwsl.storage.core.vhdx.TestImage.REGIONS_2;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.nixwsl.storage.disk.DiskCheck.Severity;

/** What is changed in good images, rule by rule, and the finding that has to come of it. */
final class Mutations {
  private Mutations() {}

  /**
   * A change and what has to be found.
   *
   * @param finding the code that must be among the findings, or NONE
   */
  record Mutation(String name, String finding, Severity severity, Consumer<TestImage> change) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Mutation error(String name, String finding, Consumer<TestImage> change) {
    return new Mutation(name, finding, Severity.ERROR, change.andThen(TestImage::seal));
  }

  private static Mutation warning(String name, String finding, Consumer<TestImage> change) {
    return new Mutation(name, finding, Severity.WARNING, change.andThen(TestImage::seal));
  }

  /** Without making checksums right afterwards. */
  private static Mutation raw(
      String name, String finding, Severity severity, Consumer<TestImage> change) {
    return new Mutation(name, finding, severity, change);
  }

  static Consumer<TestImage> bothHeaders(Consumer<HeaderAt> change) {
    return image -> {
      change.accept(new HeaderAt(image, HEADER_1));
      change.accept(new HeaderAt(image, HEADER_2));
    };
  }

  record HeaderAt(TestImage image, int at) {}

  private static Consumer<TestImage> bothTables(Consumer<HeaderAt> change) {
    return image -> {
      change.accept(new HeaderAt(image, REGIONS_1));
      change.accept(new HeaderAt(image, REGIONS_2));
    };
  }

  private static void addRegion(HeaderAt table, boolean required, long offset) {
    table.image.put32(table.at + 8, 3);
    table.image.putGuid(table.at + 80, "11111111-2222-3333-4444-555555555555");
    table.image.put64(table.at + 96, offset);
    table.image.put32(table.at + 104, MIB);
    table.image.put32(table.at + 108, required ? 1 : 0);
  }

  private static void addItem(TestImage image, int flags, int offset, int length) {
    image.put16(METADATA + 10, 6);
    image.putGuid(METADATA + 192, "11111111-2222-3333-4444-555555555555");
    image.put32(METADATA + 208, offset);
    image.put32(METADATA + 212, length);
    image.put32(METADATA + 216, flags);
  }

  static Stream<Mutation> structure() {
    return Stream.of(
        raw(
            "one header checksum bad",
            "HEADER_INVALID",
            Severity.WARNING,
            i -> i.flip(HEADER_1 + 4)),
        raw(
            "the current header's checksum bad",
            "HEADER_INVALID",
            Severity.WARNING,
            i -> i.flip(HEADER_2 + 4)),
        raw(
            "one header signature bad",
            "HEADER_INVALID",
            Severity.WARNING,
            i -> i.put8(HEADER_1, 9)),
        raw(
            "both header checksums bad",
            "NO_VALID_HEADER",
            Severity.ERROR,
            i -> i.flip(HEADER_1 + 4).flip(HEADER_2 + 4)),
        error(
            "equal sequence, headers differ",
            "HEADERS_AMBIGUOUS",
            i -> i.put64(HEADER_2 + 8, 0).flip(HEADER_2 + 20)),
        warning("equal headers", "HEADERS_EQUAL", i -> i.move(HEADER_1, HEADER_2, 4096)),
        warning("other ids in the older header", "HEADERS_DIFFER", i -> i.flip(HEADER_1 + 20)),
        error("version 2", "FORMAT_VERSION", bothHeaders(h -> h.image.put16(h.at + 66, 2))),
        warning(
            "log version 1, no log",
            "LOG_VERSION_UNUSED",
            bothHeaders(h -> h.image.put16(h.at + 64, 1))),
        error(
            "log version 1, a log",
            "LOG_VERSION",
            bothHeaders(h -> h.image.put16(h.at + 64, 1).put8(h.at + 48, 1))),
        error(
            "log length not MiB",
            "LOG_EXTENT",
            bothHeaders(h -> h.image.put32(h.at + 68, MIB + 4096))),
        error("log length 0", "LOG_EXTENT", bothHeaders(h -> h.image.put32(h.at + 68, 0))),
        error("log offset 0", "LOG_EXTENT", bothHeaders(h -> h.image.put64(h.at + 72, 0))),
        error(
            "log offset not MiB",
            "LOG_EXTENT",
            bothHeaders(h -> h.image.put64(h.at + 72, MIB + 4096))),
        error(
            "log offset 2^63",
            "LOG_EXTENT",
            bothHeaders(h -> h.image.put64(h.at + 72, Long.MIN_VALUE))),
        error(
            "log past the end", "LOG_EXTENT", bothHeaders(h -> h.image.put64(h.at + 72, 6L * MIB))),
        error(
            "log on the block table",
            "REGION_OVERLAP",
            bothHeaders(h -> h.image.put64(h.at + 72, 3L * MIB))),
        warning("reserved header byte set", "NONE", bothHeaders(h -> h.image.put8(h.at + 200, 1))),
        raw(
            "region table 1 checksum bad",
            "REGION_TABLE_INVALID",
            Severity.WARNING,
            i -> i.flip(REGIONS_1 + 4)),
        raw(
            "region table 2 checksum bad",
            "REGION_TABLE_INVALID",
            Severity.WARNING,
            i -> i.flip(REGIONS_2 + 4)),
        raw(
            "region table 1 signature bad",
            "REGION_TABLE_INVALID",
            Severity.WARNING,
            i -> i.put8(REGIONS_1, 9)),
        raw(
            "both region tables bad",
            "NO_VALID_REGION_TABLE",
            Severity.ERROR,
            i -> i.flip(REGIONS_1 + 4).flip(REGIONS_2 + 4)),
        error("region tables differ", "REGION_TABLES_DIFFER", i -> i.put8(REGIONS_2 + 5000, 1)),
        error("2048 regions", "REGION_COUNT", bothTables(t -> t.image.put32(t.at + 8, 2048))),
        error("2^32-1 regions", "REGION_COUNT", bothTables(t -> t.image.put32(t.at + 8, -1))),
        error(
            "region offset not MiB",
            "REGION_EXTENT",
            bothTables(t -> t.image.put64(t.at + 32, BAT + 4096))),
        error(
            "region in the first MiB",
            "REGION_EXTENT",
            bothTables(t -> t.image.put64(t.at + 32, 0))),
        error("region length 0", "REGION_EXTENT", bothTables(t -> t.image.put32(t.at + 40, 0))),
        error(
            "region past the end",
            "REGION_EXTENT",
            bothTables(t -> t.image.put64(t.at + 32, 60L * MIB))),
        error(
            "region at 2^63",
            "REGION_EXTENT",
            bothTables(t -> t.image.put64(t.at + 32, Long.MIN_VALUE))),
        error(
            "region at the largest offset",
            "REGION_EXTENT",
            bothTables(t -> t.image.put64(t.at + 32, Long.MAX_VALUE - MIB + 1))),
        error(
            "regions overlap",
            "REGION_OVERLAP",
            bothTables(t -> t.image.put64(t.at + 32, METADATA))),
        error(
            "the same region twice",
            "REGION_DUPLICATE",
            bothTables(t -> t.image.move(t.at + 16, t.at + 48, 16))),
        error(
            "metadata region not listed",
            "REGION_MISSING",
            bothTables(t -> t.image.put32(t.at + 8, 1))),
        error(
            "unknown required region",
            "REGION_UNKNOWN",
            bothTables(t -> addRegion(t, true, 5L * MIB))),
        error(
            "unknown region past the end",
            "REGION_EXTENT",
            bothTables(t -> addRegion(t, false, 500L * MIB))),
        error(
            "unknown region on a block",
            "BAT_OVERLAP",
            bothTables(t -> addRegion(t, false, 5L * MIB))),
        warning(
            "unknown optional region",
            "NONE",
            i -> {
              i.resize(7 * MIB);
              bothTables(t -> addRegion(t, false, 6L * MIB)).accept(i);
            }),
        warning(
            "block table not marked as required",
            "REGION_NOT_REQUIRED",
            bothTables(t -> t.image.put32(t.at + 44, 0))),
        error("metadata signature", "METADATA_SIGNATURE", i -> i.put8(METADATA, 9)),
        error("2048 metadata items", "METADATA_COUNT", i -> i.put16(METADATA + 10, 2048)),
        error("item below 64 KiB", "METADATA_ITEM_EXTENT", i -> i.put32(METADATA + 48, 60000)),
        error("item past its region", "METADATA_ITEM_EXTENT", i -> i.put32(METADATA + 48, MIB - 4)),
        error("item at 2^32-4", "METADATA_ITEM_EXTENT", i -> i.put32(METADATA + 48, -4)),
        error("item longer than 1 MiB", "METADATA_ITEM_EXTENT", i -> addItem(i, 0, 70000, MIB + 4)),
        error(
            "item of length 0 with an offset",
            "METADATA_ITEM_EXTENT",
            i -> addItem(i, 0, 70000, 0)),
        error("items overlap", "METADATA_ITEM_OVERLAP", i -> addItem(i, 0, 65540, 8)),
        error(
            "the same item twice",
            "METADATA_ITEM_DUPLICATE",
            i -> i.move(METADATA + 32, METADATA + 64, 16)),
        error("unknown required item", "METADATA_ITEM_UNKNOWN", i -> addItem(i, 4, 70000, 8)),
        warning("unknown optional item", "NONE", i -> addItem(i, 2, 70000, 8)),
        warning("unknown empty item", "NONE", i -> addItem(i, 1, 0, 0)),
        warning("unusual flags", "METADATA_ITEM_FLAGS", i -> i.put32(METADATA + 56, 6)),
        warning("a reserved flag", "METADATA_RESERVED", i -> i.put32(METADATA + 56, 12)),
        warning("an item's reserved field", "METADATA_RESERVED", i -> i.put8(METADATA + 63, 1)),
        warning(
            "a reserved field of the table", "METADATA_RESERVED", i -> i.put8(METADATA + 31, 1)),
        warning("the other one of the table", "METADATA_RESERVED", i -> i.put8(METADATA + 8, 1)),
        error("disk id missing", "METADATA_ITEM_MISSING", i -> i.put16(METADATA + 10, 4)),
        error("known item as a user's", "METADATA_ITEM_MISSING", i -> i.put32(METADATA + 56, 5)),
        error("known item too long", "METADATA_ITEM_LENGTH", i -> i.put32(METADATA + 180, 20)),
        error("blocks of 3 MiB", "BLOCK_SIZE", i -> i.put32(ITEMS, 3 * MIB)),
        error("blocks of 512 MiB", "BLOCK_SIZE", i -> i.put32(ITEMS, 512 * MIB)),
        error("blocks of 0", "BLOCK_SIZE", i -> i.put32(ITEMS, 0)),
        error("blocks of 2 GiB", "BLOCK_SIZE", i -> i.put32(ITEMS, 1L << 31)),
        error("reserved file parameter", "FILE_PARAMETERS_RESERVED", i -> i.put32(ITEMS + 4, 4)),
        error("parent without locator", "PARENT_LOCATOR_PRESENCE", i -> i.put32(ITEMS + 4, 2)),
        error(
            "locator without parent",
            "PARENT_LOCATOR_PRESENCE",
            i -> i.locator("parent_linkage", "x")),
        error(
            "size not a multiple of the sector",
            "VIRTUAL_SIZE",
            i -> i.put64(ITEMS + 8, 16L * MIB - 256)),
        error("size 65 TiB", "VIRTUAL_SIZE", i -> i.put64(ITEMS + 8, 65L << 40)),
        error("size 2^63", "VIRTUAL_SIZE", i -> i.put64(ITEMS + 8, Long.MIN_VALUE)),
        error("size 0", "VIRTUAL_SIZE", i -> i.put64(ITEMS + 8, 0)),
        error("block table too small", "BAT_TOO_SMALL", i -> i.put64(ITEMS + 8, 64L << 40)),
        error("logical sectors of 1024", "SECTOR_SIZE", i -> i.put32(ITEMS + 16, 1024)),
        error("logical sectors of 0", "SECTOR_SIZE", i -> i.put32(ITEMS + 16, 0)),
        error("physical sectors of 1024", "SECTOR_SIZE", i -> i.put32(ITEMS + 20, 1024)),
        warning("length not MiB", "FILE_LENGTH", i -> i.resize(6 * MIB + 4096)),
        error("cut inside the block table", "REGION_EXTENT", i -> i.resize(BAT + 64)),
        error("cut inside the headers", "FILE_TRUNCATED", i -> i.resize(MIB - 4096)));
  }

  static Stream<Mutation> blocks() {
    return Stream.of(
        error("state 4", "BAT_STATE", i -> i.bat(5, 4, 0)),
        error("state 5", "BAT_STATE", i -> i.bat(5, 5, 0)),
        error("partly present in a dynamic disk", "BAT_STATE", i -> i.bat(0, 7, 4)),
        error("reserved bits", "BAT_RESERVED_BITS", i -> i.put64(BAT + 40, 8)),
        error("highest reserved bit", "BAT_RESERVED_BITS", i -> i.put64(BAT + 40, 1 << 19)),
        error("present at offset 0", "BAT_OFFSET", i -> i.bat(5, 6, 0)),
        error("past the end", "BAT_PAST_END", i -> i.bat(5, 6, 6)),
        error("at 2^63", "BAT_PAST_END", i -> i.put64(BAT + 40, Long.MIN_VALUE | 6)),
        error("at the largest offset", "BAT_PAST_END", i -> i.put64(BAT + 40, -1L << 20 | 6)),
        error("cut block", "BAT_PAST_END", i -> i.resize(6 * MIB - 512)),
        error("two blocks at one offset", "BAT_OVERLAP", i -> i.bat(5, 6, 4)),
        error("block on the metadata", "BAT_OVERLAP", i -> i.bat(5, 6, 2)),
        error("block on the log", "BAT_OVERLAP", i -> i.bat(5, 6, 1)),
        error("block on the block table", "BAT_OVERLAP", i -> i.bat(5, 6, 3)),
        warning("zero with an offset", "BAT_ZERO_OFFSET", i -> i.bat(1, 2, 9)),
        warning("trimmed with its old place", "NONE", i -> i.bat(2, 3, 9)),
        warning("undefined with its old place", "NONE", i -> i.bat(2, 1, 9)),
        warning("never written with an offset", "NONE", i -> i.bat(2, 0, 9)),
        warning("entry past the last block", "NONE", i -> i.bat(16, 5, 1)),
        warning("a leaked MiB", "SPACE_UNUSED", i -> i.bat(3, 0, 0)));
  }

  static Stream<Mutation> children() {
    return Stream.of(
        error("partly present without bitmap", "BAT_BITMAP_MISSING", i -> i.bat(4096, 0, 0)),
        error("bitmap trimmed", "BAT_STATE", i -> i.bat(4096, 3, 0)),
        error("bitmap past the end", "BAT_PAST_END", i -> i.bat(4096, 6, 8)),
        error("bitmap on a block", "BAT_OVERLAP", i -> i.bat(4096, 6, 4)),
        warning("unknown kind of locator", "PARENT_LOCATOR_TYPE", i -> i.put8(ITEMS + 4096, 1)),
        error("no linkage", "PARENT_LOCATOR_INVALID", i -> i.put8(ITEMS + 4096 + 1024, 'q')),
        error(
            "value past the item", "PARENT_LOCATOR_INVALID", i -> i.put32(ITEMS + 4096 + 24, 4090)),
        error("value at 2^32-2", "PARENT_LOCATOR_INVALID", i -> i.put32(ITEMS + 4096 + 24, -2)),
        error("key of odd length", "PARENT_LOCATOR_INVALID", i -> i.put16(ITEMS + 4096 + 28, 27)),
        error("key of length 0", "PARENT_LOCATOR_INVALID", i -> i.put16(ITEMS + 4096 + 28, 0)),
        error(
            "NUL in a value", "PARENT_LOCATOR_INVALID", i -> i.put16(ITEMS + 4096 + 1024 + 30, 0)),
        error("65535 pairs", "PARENT_LOCATOR_INVALID", i -> i.put16(ITEMS + 4096 + 18, -1)),
        error(
            "the same key twice",
            "PARENT_LOCATOR_INVALID",
            i -> i.move(ITEMS + 4096 + 20, ITEMS + 4096 + 32, 12)));
  }
}
