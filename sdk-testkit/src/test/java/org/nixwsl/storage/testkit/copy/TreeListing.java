package org.nixwsl.storage.testkit.copy;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.store.NixStore;

/**
 * All that a copy has to keep, name by name: type, mode, owner, time, contents, and which names
 * share an inode. Knows nothing of the code under test.
 */
public final class TreeListing {
  private final Path top;
  private final Predicate<String> wanted;
  private final SortedMap<String, String> lines = new TreeMap<>();
  private final Map<Object, String> firstNames = new HashMap<>();

  private TreeListing(Path top, Predicate<String> wanted) {
    this.top = top;
    this.wanted = wanted;
  }

  /** Lists a tree; names are relative and escaped. The top itself is not listed. */
  public static SortedMap<String, String> of(Path top, Predicate<String> wanted)
      throws IOException {
    TreeListing listing = new TreeListing(top, wanted);
    listing.add(top);
    return listing.lines;
  }

  /** All of a store, but for what SQLite leaves beside a database that is read. */
  public static SortedMap<String, String> untouched(NixStore store) throws IOException {
    SortedMap<String, String> listing =
        of(store.directory(), name -> !name.matches("var/nix/db/db[.]sqlite-(wal|shm)"));
    listing.remove("var/nix/db"); // its time
    return listing;
  }

  private void add(Path file) throws IOException {
    String name = PathBytes.printable(top.relativize(file));
    if (!name.isEmpty() && !wanted.test(name)) {
      return;
    }
    Map<String, Object> facts =
        Files.readAttributes(
            file,
            "unix:mode,uid,gid,ino,lastModifiedTime,isDirectory,isSymbolicLink,isRegularFile",
            LinkOption.NOFOLLOW_LINKS);
    boolean directory = Boolean.TRUE.equals(facts.get("isDirectory"));
    String line =
        Integer.toOctalString((Integer) Objects.requireNonNull(facts.get("mode")))
            + " "
            + facts.get("uid")
            + ":"
            + facts.get("gid")
            + " "
            + facts.get("lastModifiedTime")
            + " ";
    if (Boolean.TRUE.equals(facts.get("isSymbolicLink"))) {
      line += PathBytes.printable(Files.readSymbolicLink(file));
    } else if (Boolean.TRUE.equals(facts.get("isRegularFile"))) {
      line += sha256(Files.readAllBytes(file));
    }
    if (!directory) {
      line += " = " + firstNames.computeIfAbsent(facts.get("ino"), inode -> name);
    }
    if (!name.isEmpty()) {
      lines.put(name, line);
    }
    if (directory) {
      TreeMap<Path, Path> children = new TreeMap<>();
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(file)) {
        stream.forEach(child -> children.put(child, child));
      }
      for (Path child : children.keySet()) {
        add(child);
      }
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
