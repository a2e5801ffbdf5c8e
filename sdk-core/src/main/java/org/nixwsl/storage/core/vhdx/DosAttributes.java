package org.nixwsl.storage.core.vhdx;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.nixwsl.storage.disk.HostAttribute;

/** Where the attributes come from that Windows keeps of a file. */
@FunctionalInterface
public interface DosAttributes {
  /**
   * The attributes of a file as {@code GetFileAttributes} of the Windows API gives them; empty
   * where there are none.
   */
  OptionalInt of(Path file) throws IOException;

  /** Those of the operating system. */
  static DosAttributes ofSystem() {
    return file -> {
      Set<String> views = file.getFileSystem().supportedFileAttributeViews();
      // On POSIX systems the JDK makes such attributes up from those of Samba, without these bits.
      if (!views.contains("dos") || views.contains("posix")) {
        return OptionalInt.empty();
      }
      try {
        // Not documented for the view, but there in every JDK for Windows.
        return Files.getAttribute(file, "dos:attributes") instanceof Integer bits
            ? OptionalInt.of(bits)
            : OptionalInt.empty();
      } catch (IllegalArgumentException | UnsupportedOperationException e) {
        return OptionalInt.empty();
      }
    };
  }

  /** What of it matters for a disk; empty if the attributes cannot be told. */
  static Optional<Set<HostAttribute>> decode(OptionalInt attributes) {
    if (attributes.isEmpty()) {
      return Optional.empty();
    }
    Set<HostAttribute> found = EnumSet.noneOf(HostAttribute.class);
    for (HostAttribute attribute : HostAttribute.values()) {
      if ((attributes.getAsInt() & mask(attribute)) != 0) {
        found.add(attribute);
      }
    }
    return Optional.of(found);
  }

  /** The bits, from winnt.h. */
  private static int mask(HostAttribute attribute) {
    return switch (attribute) {
      case SPARSE -> 0x200;
      case COMPRESSED -> 0x800;
      case ENCRYPTED -> 0x4000;
      case CLOUD_PLACEHOLDER -> 0x1000 | 0x4_0000 | 0x40_0000;
    };
  }
}
