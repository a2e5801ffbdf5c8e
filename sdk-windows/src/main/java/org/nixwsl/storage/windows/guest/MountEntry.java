package org.nixwsl.storage.windows.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of {@code /proc/self/mountinfo} (proc(5)).
 *
 * @param device major and minor number, such as {@code 8:32}: the same for all mounts of a disk
 * @param root the directory of the file system that is mounted; {@code /} for all of it
 * @param mountPoint where
 * @param type the file system
 * @param source what was mounted, such as {@code /dev/sdc}
 * @param writable whether both the mount and the file system are read-write
 */
public record MountEntry(
    String device, String root, String mountPoint, String type, String source, boolean writable) {
  private static final Pattern OCTAL = Pattern.compile("\\\\([0-3][0-7][0-7])");

  /** All entries, in the order of mounting; lines of another form are left out. */
  public static List<MountEntry> parse(String mountinfo) {
    List<MountEntry> entries = new ArrayList<>();
    for (String line : mountinfo.lines().toList()) {
      String[] words = line.split(" ", -1);
      int dash = 6;
      while (dash < words.length && !words[dash].equals("-")) {
        dash++;
      }
      if (dash + 3 < words.length) {
        entries.add(
            new MountEntry(
                words[2],
                unescaped(words[3]),
                unescaped(words[4]),
                words[dash + 1],
                unescaped(words[dash + 2]),
                readWrite(words[5]) && readWrite(words[dash + 3])));
      }
    }
    return entries;
  }

  /** The same on a device of another number. */
  MountEntry on(String number) {
    return new MountEntry(number, root, mountPoint, type, source, writable);
  }

  /** An ext4 that met an error stays "rw" in newer kernels (6.18), and takes no write. */
  private static boolean readWrite(String options) {
    List<String> words = List.of(options.split(",", -1));
    return words.contains("rw") && !words.contains("emergency_ro") && !words.contains("shutdown");
  }

  /** The kernel writes blank, tab, line feed and backslash as three octal digits. */
  private static String unescaped(String word) {
    Matcher octal = OCTAL.matcher(word);
    return octal.replaceAll(
        match ->
            Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(match.group(1), 8))));
  }
}
