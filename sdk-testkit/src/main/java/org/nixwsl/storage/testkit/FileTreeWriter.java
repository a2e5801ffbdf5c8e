package org.nixwsl.storage.testkit;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Puts trees on disk with the metadata that Nix gives them. */
final class FileTreeWriter {
  private static final FileTime TIME = FileTime.fromMillis(1000);

  private final Optional<Path> links;

  private FileTreeWriter(Optional<Path> links) {
    this.links = links;
  }

  /** Writes each file for itself. */
  static FileTreeWriter plain() {
    return new FileTreeWriter(Optional.empty());
  }

  /** Lets equal files and symlinks share one inode, as {@code nix-store --optimise} does. */
  static FileTreeWriter sharing(Path links) {
    return new FileTreeWriter(Optional.of(links));
  }

  /** Writes a tree to a name that is free. */
  void write(Path at, FileTree tree) throws IOException {
    if (tree instanceof FileTree.Directory directory) {
      Files.createDirectory(at);
      for (Map.Entry<String, FileTree> entry : directory.entries().entrySet()) {
        write(at.resolve(nameOf(entry.getKey())), entry.getValue());
      }
      canonical(at, true);
    } else if (links.isEmpty()) {
      writeOne(at, tree);
    } else {
      Path shared = links.get().resolve(tree.nar().hash().toBase32());
      if (!Files.exists(shared, LinkOption.NOFOLLOW_LINKS)) {
        writeOne(shared, tree);
      }
      Files.createLink(at, shared);
    }
  }

  private static void writeOne(Path at, FileTree tree) throws IOException {
    if (tree instanceof FileTree.Symlink symlink) {
      Files.createSymbolicLink(at, targetOf(symlink.target()));
      setTime(at, TIME);
    } else if (tree instanceof FileTree.Regular regular) {
      Files.write(at, regular.contents());
      canonical(at, regular.executable());
    }
  }

  /** Mode 0555 or 0444, time 1. */
  static void canonical(Path file, boolean executable) throws IOException {
    Files.setPosixFilePermissions(
        file, PosixFilePermissions.fromString(executable ? "r-xr-xr-x" : "r--r--r--"));
    setTime(file, TIME);
  }

  /** Sets the time of a file, or of a symlink itself. */
  static void setTime(Path file, FileTime time) throws IOException {
    Files.getFileAttributeView(file, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .setTimes(time, time, null);
  }

  /**
   * A name with exactly these bytes, each given as a character from 0 to 255. Text cannot carry
   * every byte into a path, wherever this runs; an escaped URI can.
   */
  static Path nameOf(String latin1) {
    StringBuilder uri = new StringBuilder("file:///");
    for (byte b : latin1.getBytes(StandardCharsets.ISO_8859_1)) {
      uri.append(String.format(Locale.ROOT, "%%%02X", b & 0xff));
    }
    return Objects.requireNonNull(Path.of(URI.create(uri.toString())).getFileName());
  }

  /** A target whose parts are divided by single slashes, without one at the end. */
  private static Path targetOf(String latin1) {
    Path target = Path.of(latin1.startsWith("/") ? "/" : "");
    for (String part : latin1.split("/", -1)) {
      if (!part.isEmpty()) {
        target = target.resolve(part.equals("..") ? Path.of("..") : nameOf(part));
      }
    }
    return target;
  }
}
