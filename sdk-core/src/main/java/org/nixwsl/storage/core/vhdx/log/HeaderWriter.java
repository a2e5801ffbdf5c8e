package org.nixwsl.storage.core.vhdx.log;

import java.io.IOException;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Header;
import org.nixwsl.storage.core.vhdx.format.WritableBytes;

/**
 * Changes the header of a file that is open for writing (MS-VHDX section 2.2.2): the copy that does
 * not count is written and forced, and counts from then on; then the other. A crash at any point
 * leaves a valid header, the old one or the new one. Not thread-safe.
 */
public final class HeaderWriter {
  private final WritableBytes file;
  private Header current;
  private int copy;
  private boolean fileGuidIsNew;
  private boolean dataGuidIsNew;

  /**
   * Changes nothing yet.
   *
   * @param current the header that counts in the file; it has sequence numbers left
   */
  public HeaderWriter(WritableBytes file, Header current) throws IOException {
    this.file = file;
    this.current = current;
    this.copy = Header.copyThatHolds(file, current);
  }

  /** To be called before the first write of any kind: the file gets a new FileWriteGuid, once. */
  public void beforeWriting() throws IOException {
    if (!fileGuidIsNew) {
      update(current.withFileWriteGuid(UUID.randomUUID()));
      fileGuidIsNew = true;
    }
  }

  /**
   * To be called before the first change that a guest could see: the file gets a new DataWriteGuid,
   * once, and is ready for other writes as well.
   */
  public void beforeChangingData() throws IOException {
    if (!dataGuidIsNew) {
      UUID fileGuid = fileGuidIsNew ? current.fileWriteGuid() : UUID.randomUUID();
      update(current.withFileWriteGuid(fileGuid).withDataWriteGuid(UUID.randomUUID()));
      fileGuidIsNew = true;
      dataGuidIsNew = true;
    }
  }

  /** From now on the entries of the log with this id are replayed when the file is opened. */
  void announceLog(UUID guid) throws IOException {
    update(current.withLogGuid(guid));
  }

  /**
   * From now on there is nothing to replay. All that the log holds must be in its place, and
   * forced.
   */
  public void retireLog() throws IOException {
    if (current.announcesLog()) {
      update(current.withLogGuid(Fields.NO_GUID));
    }
  }

  /** The header that counts. */
  Header current() {
    return current;
  }

  private void update(Header changed) throws IOException {
    for (int i = 0; i < 2; i++) {
      Header next = changed.withSequence(current.sequence() + 1);
      int other = 1 - copy;
      file.write(Header.offsetOf(other), next.encode());
      file.force();
      current = next;
      copy = other;
    }
  }
}
