package org.nixwsl.storage.core.io;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;

/**
 * The bytes of file names. On Linux a {@link Path} keeps the bytes that the kernel gave, but its
 * text does not: bytes that the platform's encoding cannot read are lost there. The bytes come back
 * through the path's URI, which escapes each of them. Where names are text, as on Windows, their
 * bytes are those of UTF-8.
 */
public final class PathBytes {
  private PathBytes() {}

  /** The bytes of a file's own name, that is of {@code path.getFileName()}. */
  public static byte[] ofName(Path path) {
    Path name = path.getFileName();
    if (name == null) {
      throw new IllegalArgumentException("No name in " + path);
    }
    return of(name);
  }

  /** The bytes of a whole path, relative or absolute, as it stands. */
  public static byte[] of(Path path) {
    String text = path.toString();
    if (ascii(text)) {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }
    // Elsewhere, on Windows first of all, names are text, and nothing is lost in it.
    boolean namesAreBytes = path.getFileSystem().supportedFileAttributeViews().contains("unix");
    return namesAreBytes ? throughUri(path, text) : text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * The bytes of a path of a Linux instance that was given on this machine: on Windows {@code
   * \\etc\\nixos} stands for {@code /etc/nixos}, with or without a drive.
   */
  public static byte[] inInstance(Path path) {
    return path.getFileSystem().getSeparator().equals("\\")
        ? fromWindows(path.toString()).getBytes(StandardCharsets.UTF_8)
        : of(path);
  }

  /** The text of {@link #inInstance} for the text of a path of Windows. */
  static String fromWindows(String path) {
    return "/" + path.replaceFirst("^[A-Za-z]:", "").replaceFirst("^\\\\+", "").replace('\\', '/');
  }

  /**
   * A path for people: bytes that are not printable ASCII, and the percent sign, as {@code %XX}.
   */
  public static String printable(Path path) {
    return printable(of(path));
  }

  /** {@link #printable(Path)} of bytes that are at hand. */
  public static String printable(byte[] bytes) {
    StringBuilder out = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      if (b >= 0x20 && b < 0x7f && b != '%') {
        out.append((char) b);
      } else {
        out.append('%').append(String.format(Locale.ROOT, "%02X", b & 0xff));
      }
    }
    return out.toString();
  }

  /**
   * The path that {@link #printable(Path)} gave this text for.
   *
   * @throws IllegalArgumentException if the text cannot be such a one
   */
  public static Path fromPrintable(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x20 || c >= 0x7f || (c == '%' && i + 2 >= text.length())) {
        throw new IllegalArgumentException("Not the printable form of a path: " + text);
      }
      if (c == '%') {
        bytes.write(HexFormat.fromHexDigits(text, i + 1, i + 3));
        i += 2;
      } else {
        bytes.write(c);
      }
    }
    byte[] path = bytes.toByteArray();
    return text.startsWith("/")
        ? toAbsolutePath(path)
        : Path.of(new String(path, StandardCharsets.UTF_8));
  }

  /**
   * The path of these bytes: what {@link #of} gives for it is the same bytes, save that slashes
   * which mean nothing are dropped.
   *
   * @param absolute the bytes of an absolute path, with none that is zero
   * @throws IllegalArgumentException if it is not absolute or has a zero byte
   */
  public static Path toAbsolutePath(byte[] absolute) {
    if (absolute.length == 0 || absolute[0] != '/') {
      throw new IllegalArgumentException("Not an absolute path: " + printable(absolute));
    }
    Path root = Path.of("/");
    if (!root.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      return Path.of(new String(absolute, StandardCharsets.UTF_8));
    }
    StringBuilder uri = new StringBuilder("file://");
    for (byte b : absolute) {
      if (b == 0) {
        throw new IllegalArgumentException("A zero byte in a path: " + printable(absolute));
      }
      if (b == '/') {
        uri.append('/');
      } else {
        uri.append(String.format(Locale.ROOT, "%%%02X", b & 0xff));
      }
    }
    return Path.of(URI.create(uri.toString()));
  }

  private static boolean ascii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 0x80) {
        return false;
      }
    }
    return true;
  }

  private static byte[] throughUri(Path path, String text) {
    if (!path.isAbsolute()) {
      // The URI of a relative path would be made absolute with the working directory.
      Path root = Path.of("/");
      byte[] absolute = throughUri(root.resolve(path), "/" + text);
      byte[] relative = new byte[absolute.length - 1];
      System.arraycopy(absolute, 1, relative, 0, relative.length);
      return relative;
    }
    URI uri = path.toUri();
    String raw = uri.getRawPath();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(raw.length());
    for (int i = 0; i < raw.length(); i++) {
      char c = raw.charAt(i);
      if (c == '%') {
        bytes.write(Integer.parseInt(raw.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        bytes.write(c);
      }
    }
    byte[] result = bytes.toByteArray();
    // toUri() looks at the file system and adds a slash to what is a directory there.
    boolean added = result.length > 1 && result[result.length - 1] == '/' && !text.endsWith("/");
    return added ? Arrays.copyOf(result, result.length - 1) : result;
  }
}
