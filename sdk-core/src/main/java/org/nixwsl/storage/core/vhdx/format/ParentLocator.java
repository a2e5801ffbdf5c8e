package org.nixwsl.storage.core.vhdx.format;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.vhdx.findings.FindingCode;
import org.nixwsl.storage.core.vhdx.findings.Findings;

/**
 * Where the parent of a differencing disk is said to be (MS-VHDX section 2.6.2.6). The keys and
 * values are those of the file, and a stranger may have chosen them: {@link #shown} is for people.
 *
 * @param known whether the locator is of the type whose keys are known
 * @param pairs keys and values in the order of the file
 */
public record ParentLocator(boolean known, Map<String, String> pairs) {
  private static final UUID VHDX_TYPE = UUID.fromString("b04aefb7-d19e-4a81-b789-25b8e9445913");
  private static final String LINKAGE = "parent_linkage";
  private static final List<String> LINKAGES = List.of(LINKAGE, "parent_linkage2");

  /** The key of the path from the folder of the child. */
  public static final String RELATIVE_PATH = "relative_path";

  /** The keys of paths in the order in which a parent is looked up. */
  private static final List<String> PATHS =
      List.of(RELATIVE_PATH, "volume_path", "absolute_win32_path");

  private static final int HEADER_LENGTH = 20;
  private static final int ENTRY_LENGTH = 12;

  /** Copies the map. */
  public ParentLocator {
    pairs = Collections.unmodifiableMap(new LinkedHashMap<>(pairs));
  }

  /** The first path in the order of looking up, for people: relative, by volume, absolute. */
  public Optional<String> path() {
    return PATHS.stream()
        .map(pairs::get)
        .filter(Objects::nonNull)
        .findFirst()
        .map(Fields::printable);
  }

  /** The paths by their keys, in the order of looking up. */
  public Map<String, String> paths() {
    Map<String, String> paths = new LinkedHashMap<>();
    for (String key : PATHS) {
      String path = pairs.get(key);
      if (path != null) {
        paths.put(key, path);
      }
    }
    return paths;
  }

  /** Keys and values for people; of keys that look the same then, one is shown. */
  public Map<String, String> shown() {
    Map<String, String> shown = new LinkedHashMap<>();
    pairs.forEach((key, value) -> shown.put(Fields.printable(key), Fields.printable(value)));
    return shown;
  }

  /**
   * Whether a disk with this DataWriteGuid is the parent that the child was made from. The second
   * linkage counts while disks are merged; Windows writes the GUID of all zeros there, which is no
   * disk's.
   */
  public boolean accepts(UUID dataWriteGuid) {
    return !dataWriteGuid.equals(Fields.NO_GUID)
        && LINKAGES.stream()
            .map(pairs::get)
            .filter(Objects::nonNull)
            .anyMatch(value -> value.equalsIgnoreCase(Fields.show(dataWriteGuid)));
  }

  /** Reads the item; empty if it cannot be read, told in the findings. */
  static Optional<ParentLocator> decode(ByteBuffer item, long where, Findings findings) {
    int size = item.limit();
    int count = size < HEADER_LENGTH ? 0 : item.getShort(18) & 0xFFFF;
    if (size < HEADER_LENGTH + (long) count * ENTRY_LENGTH) {
      findings.report(FindingCode.PARENT_LOCATOR_INVALID, where, "the parent locator is cut short");
      return Optional.empty();
    }
    UUID type = Fields.guid(item, 0);
    if (!type.equals(VHDX_TYPE)) {
      findings.report(
          FindingCode.PARENT_LOCATOR_TYPE,
          where,
          "the parent locator is of an unknown type " + Fields.show(type));
    }
    Map<String, String> pairs = new LinkedHashMap<>();
    long textLength = 0;
    for (int i = 0; i < count; i++) {
      int at = HEADER_LENGTH + i * ENTRY_LENGTH;
      textLength += (item.getShort(at + 8) & 0xFFFF) + (item.getShort(at + 10) & 0xFFFF);
      if (textLength > size) {
        // Pairs that lie over each other could unfold a small item into gigabytes.
        findings.report(
            FindingCode.PARENT_LOCATOR_INVALID, where, "the pairs of the parent locator overlap");
        return Optional.empty();
      }
      Optional<String> key = text(item, item.getInt(at), item.getShort(at + 8));
      Optional<String> value = text(item, item.getInt(at + 4), item.getShort(at + 10));
      if (key.isEmpty() || value.isEmpty() || pairs.put(key.get(), value.get()) != null) {
        findings.report(
            FindingCode.PARENT_LOCATOR_INVALID,
            where + at,
            "pair " + i + " of the parent locator cannot be read or is there twice");
        return Optional.empty();
      }
    }
    if (type.equals(VHDX_TYPE) && !pairs.containsKey(LINKAGE)) {
      findings.report(
          FindingCode.PARENT_LOCATOR_INVALID, where, "the parent locator names no " + LINKAGE);
    }
    return Optional.of(new ParentLocator(type.equals(VHDX_TYPE), pairs));
  }

  /** A key or value; empty if it lies outside the item, is empty, odd, or has a NUL inside. */
  private static Optional<String> text(ByteBuffer item, int unsignedOffset, short unsignedLength) {
    long offset = unsignedOffset & 0xFFFF_FFFFL;
    int length = unsignedLength & 0xFFFF;
    if (offset == 0 || length == 0 || length % 2 != 0 || offset + length > item.limit()) {
      return Optional.empty();
    }
    for (int i = 0; i < length; i += 2) {
      if (item.getShort((int) offset + i) == 0) {
        return Optional.empty();
      }
    }
    return Optional.of(Fields.rawText(item, (int) offset, length));
  }
}
