package org.nixwsl.storage.testkit.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * A {@code qemu-storage-daemon} that shows a disk through further nodes of QEMU's, which record
 * what is written or fail when they are told to. It is a script before the real program, found by
 * PATH.
 */
final class StandInDaemon {
  /** Where the real programs are. */
  static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  /** The name of the node that stands for the disk, as the mounter calls it. */
  static final String DISK = "disk";

  private static final String PROGRAM = "qemu-storage-daemon";

  private StandInDaemon() {}

  /**
   * Makes one.
   *
   * @param folder where it is put; must not be there
   * @param options further options of the program, of plain ASCII without quotes
   * @param top the name of the node that is shown in the place of {@link #DISK}
   * @return a PATH that finds it first
   */
  static String in(Path folder, List<String> options, String top) throws IOException {
    Files.createDirectory(folder);
    Path program = folder.resolve(PROGRAM);
    Files.writeString(program, script(options, top));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    return folder + ":" + PATH;
  }

  /** The options go before the export, which is the last one and names what it shows. */
  private static String script(List<String> options, String top) {
    return """
        #!/bin/sh
        left=$#
        while [ $left -gt 0 ]; do
          word=$1; shift; left=$((left - 1))
          case $word in
            --export) set -- "$@" '%s' "$word" ;;
            type=fuse,*) set -- "$@" "${word%%%%node-name=%s*}node-name=%s${word#*node-name=%s}" ;;
            *) set -- "$@" "$word" ;;
          esac
        done
        PATH=%s exec %s "$@"
        """
        .formatted(String.join("' '", options), DISK, top, DISK, PATH, PROGRAM);
  }
}
