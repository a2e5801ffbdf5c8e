package org.nixwsl.storage.core.vhdx.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;
import org.nixwsl.storage.core.vhdx.format.MetadataTable.Item;
import org.nixwsl.storage.disk.DiskType;

/**
 * What the metadata region says of a disk (MS-VHDX section 2.6.2).
 *
 * @param geometry type and sizes
 * @param diskId the virtual disk id
 * @param parent where the parent is, for a differencing disk
 */
public record DiskMetadata(Geometry geometry, UUID diskId, Optional<ParentLocator> parent) {
  /** Bits of the file parameters (MS-VHDX section 2.6.2.1). */
  private static final int LEAVE_BLOCKS_ALLOCATED = 1;

  private static final int HAS_PARENT = 2;

  /** Table and items of a disk without a parent: the first bytes of the metadata region. */
  public static ByteBuffer encode(Geometry geometry, UUID diskId) {
    ByteBuffer b = Fields.zeros(MetadataTable.LENGTH + Fields.SECTOR);
    MetadataTable.encode(b);
    b.position(MetadataTable.LENGTH);
    b.putInt((int) geometry.blockSize());
    b.putInt(geometry.type() == DiskType.FIXED ? LEAVE_BLOCKS_ALLOCATED : 0);
    b.putLong(geometry.virtualSize());
    b.putInt(geometry.logicalSectorSize());
    b.putInt(geometry.physicalSectorSize());
    Fields.putGuid(b, b.position(), diskId);
    return b.rewind();
  }

  /**
   * Reads the items.
   *
   * @param file the file with its log replayed
   * @return empty if one is missing or makes no sense; told in the findings
   */
  public static Optional<DiskMetadata> read(DiskBytes file, Region region, Findings findings)
      throws IOException {
    Optional<MetadataTable> table = MetadataTable.read(file, region, findings);
    if (table.isEmpty()) {
      return Optional.empty();
    }
    Map<Item, Region> places = table.get().items();
    Map<Item, ByteBuffer> values = new EnumMap<>(Item.class);
    for (Item item : Item.values()) {
      Region place = places.get(item);
      if (place != null) {
        values.put(item, file.read(place.offset(), (int) place.length()));
      } else if (item != Item.PARENT_LOCATOR) {
        findings.report(
            FindingCode.METADATA_ITEM_MISSING, region.offset(), item + " is missing or unusable");
      }
    }
    return new Values(places, values, findings).decode();
  }

  /**
   * Where the virtual size is in the file: 8 bytes, which may lie in two sectors.
   *
   * @param region of a disk that was read without errors
   */
  public static long virtualSizeOffset(DiskBytes file, Region region) throws IOException {
    Region place =
        MetadataTable.read(file, region, Findings.refusing("the disk"))
            .map(table -> table.items().get(Item.VIRTUAL_DISK_SIZE))
            .orElseThrow(() -> new IOException("The metadata changed while they were read"));
    return place.offset();
  }

  /** The values on their way from bytes to a {@link DiskMetadata}. */
  private record Values(Map<Item, Region> places, Map<Item, ByteBuffer> values, Findings findings) {
    Optional<DiskMetadata> decode() {
      ByteBuffer parameters = values.get(Item.FILE_PARAMETERS);
      ByteBuffer size = values.get(Item.VIRTUAL_DISK_SIZE);
      ByteBuffer logical = values.get(Item.LOGICAL_SECTOR_SIZE);
      ByteBuffer physical = values.get(Item.PHYSICAL_SECTOR_SIZE);
      ByteBuffer id = values.get(Item.VIRTUAL_DISK_ID);
      if (parameters == null || size == null || logical == null || physical == null || id == null) {
        return Optional.empty();
      }
      int bits = parameters.getInt(4);
      Geometry geometry =
          new Geometry(
              type(bits),
              size.getLong(0),
              parameters.getInt(0) & 0xFFFF_FFFFL,
              logical.getInt(0),
              physical.getInt(0));
      // Each rule is looked at, so that a check tells of all.
      boolean sane = parametersKnown(bits);
      sane &= blockSizeAllowed(geometry.blockSize());
      sane &= sectorSizeAllowed(Item.PHYSICAL_SECTOR_SIZE, geometry.physicalSectorSize());
      sane &=
          sectorSizeAllowed(Item.LOGICAL_SECTOR_SIZE, geometry.logicalSectorSize())
              && virtualSizeAllowed(geometry);
      Optional<ParentLocator> parent = parent(geometry.type() == DiskType.DIFFERENCING);
      return sane
          ? Optional.of(new DiskMetadata(geometry, Fields.guid(id, 0), parent))
          : Optional.empty();
    }

    private static DiskType type(int bits) {
      if ((bits & HAS_PARENT) != 0) {
        return DiskType.DIFFERENCING;
      }
      return (bits & LEAVE_BLOCKS_ALLOCATED) != 0 ? DiskType.FIXED : DiskType.DYNAMIC;
    }

    private boolean parametersKnown(int bits) {
      if ((bits & ~(LEAVE_BLOCKS_ALLOCATED | HAS_PARENT)) == 0) {
        return true;
      }
      return refuse(
          FindingCode.FILE_PARAMETERS_RESERVED,
          Item.FILE_PARAMETERS,
          "the file parameters have unknown bits: 0x" + Integer.toHexString(bits));
    }

    private boolean blockSizeAllowed(long bytes) {
      return Geometry.blockSizeAllowed(bytes)
          || refuse(
              FindingCode.BLOCK_SIZE,
              Item.FILE_PARAMETERS,
              "blocks cannot be " + bytes + " bytes long");
    }

    private boolean sectorSizeAllowed(Item item, int bytes) {
      return Geometry.sectorSizeAllowed(bytes)
          || refuse(
              FindingCode.SECTOR_SIZE,
              item,
              "sectors cannot be " + Integer.toUnsignedString(bytes) + " bytes long");
    }

    private boolean virtualSizeAllowed(Geometry geometry) {
      return Geometry.virtualSizeAllowed(geometry.virtualSize(), geometry.logicalSectorSize())
          || refuse(
              FindingCode.VIRTUAL_SIZE,
              Item.VIRTUAL_DISK_SIZE,
              "the virtual disk cannot be "
                  + Long.toUnsignedString(geometry.virtualSize())
                  + " bytes long");
    }

    private boolean refuse(FindingCode code, Item item, String message) {
      findings.report(code, offset(item), message);
      return false;
    }

    private Optional<ParentLocator> parent(boolean expected) {
      ByteBuffer locator = values.get(Item.PARENT_LOCATOR);
      if (expected != (locator != null)) {
        findings.report(
            FindingCode.PARENT_LOCATOR_PRESENCE,
            offset(Item.FILE_PARAMETERS),
            expected
                ? "a differencing disk has no parent locator"
                : "a disk without a parent has a parent locator");
      }
      return locator == null || !expected
          ? Optional.empty()
          : ParentLocator.decode(locator, offset(Item.PARENT_LOCATOR), findings);
    }

    private long offset(Item item) {
      Region place = places.get(item);
      return place == null ? 0 : place.offset();
    }
  }
}
