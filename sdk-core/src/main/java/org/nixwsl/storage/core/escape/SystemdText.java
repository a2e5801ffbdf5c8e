package org.nixwsl.storage.core.escape;

import java.nio.charset.StandardCharsets;

/** Text as part of the name of a systemd unit. */
public final class SystemdText {
  private SystemdText() {}

  /**
   * An absolute path as the name of a unit without its ending, as {@code systemd-escape --path}
   * makes it (systemd.unit(5), "String escaping for inclusion in unit names"): slashes become
   * hyphens, and each other byte that is not a letter, a digit, a colon, an underscore or a dot
   * becomes {@code \xXX}.
   *
   * @throws IllegalArgumentException if the path is not absolute, has empty parts or ones of dots
   *     only, which systemd would take out or refuse, or holds a NUL or half a surrogate pair
   */
  public static String path(String path) {
    Literals.requireText("systemd", path);
    if (path.equals("/")) {
      return "-";
    }
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException("Not an absolute path: " + path);
    }
    for (String part : path.substring(1).split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw new IllegalArgumentException("Not a path that systemd leaves as it is: " + path);
      }
    }
    byte[] bytes = path.substring(1).getBytes(StandardCharsets.UTF_8);
    StringBuilder out = new StringBuilder(bytes.length + 16);
    for (int i = 0; i < bytes.length; i++) {
      char c = (char) (bytes[i] & 0xff);
      if (c == '/') {
        out.append('-');
      } else if (isPlain(c) && !(c == '.' && i == 0)) {
        out.append(c);
      } else {
        out.append(String.format("\\x%02x", (int) c));
      }
    }
    return out.toString();
  }

  private static boolean isPlain(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == ':'
        || c == '_'
        || c == '.';
  }
}
