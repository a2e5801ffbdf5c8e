package org.nixwsl.storage.disk;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * What a VHDX file says of itself. Names follow MS-VHDX (revision 8.0).
 *
 * @param type how blocks are kept
 * @param virtualSize the size of the disk seen from inside
 * @param blockSize the unit of allocation
 * @param logicalSectorSize bytes, 512 or 4096
 * @param physicalSectorSize bytes, 512 or 4096
 * @param diskId the virtual disk id, which a guest sees as SCSI page 0x83
 * @param dataWriteGuid changes whenever what a guest could see changes
 * @param creator the program that made the file, as it calls itself; for people only
 * @param fileSize the length of the file
 * @param log whether the log has to be replayed before the file can be used
 * @param logEntries how many log entries would be replayed; 0 for a clean log
 * @param blocks the payload blocks by state
 * @param parent where the parent is said to be, for a differencing disk
 * @param parentLocator all that a differencing disk says of its parent, by the keys of MS-VHDX
 *     section 2.6.2.6; for showing, as characters that could steer a terminal are replaced
 * @param hostAttributes what Windows keeps of the file that matters for attaching it; empty where
 *     it cannot be told, as on every other system
 */
public record DiskInfo(
    DiskType type,
    ByteSize virtualSize,
    ByteSize blockSize,
    int logicalSectorSize,
    int physicalSectorSize,
    UUID diskId,
    UUID dataWriteGuid,
    String creator,
    ByteSize fileSize,
    LogState log,
    int logEntries,
    BlockCounts blocks,
    Optional<String> parent,
    Map<String, String> parentLocator,
    Optional<Set<HostAttribute>> hostAttributes) {
  /** Copies the collections. */
  public DiskInfo {
    parentLocator = Map.copyOf(parentLocator);
    hostAttributes = hostAttributes.map(Set::copyOf);
  }

  /** The same with what the host knows of the file. */
  public DiskInfo withHostAttributes(Optional<Set<HostAttribute>> attributes) {
    return new DiskInfo(
        type,
        virtualSize,
        blockSize,
        logicalSectorSize,
        physicalSectorSize,
        diskId,
        dataWriteGuid,
        creator,
        fileSize,
        log,
        logEntries,
        blocks,
        parent,
        parentLocator,
        attributes);
  }
}
