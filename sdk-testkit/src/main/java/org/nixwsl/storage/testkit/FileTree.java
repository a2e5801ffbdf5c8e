package org.nixwsl.storage.testkit;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.nixwsl.storage.core.nar.NarHash;

/**
 * A tree of files in memory, and its NAR. Written from the format's description and apart from the
 * code that the SDK hashes with, so that the two can be held against each other.
 */
sealed interface FileTree {
  /** A directory; names are bytes, each as a character from 0 to 255. */
  record Directory(Map<String, FileTree> entries) implements FileTree {
    /** Sorts the names by their bytes. */
    public Directory {
      entries = new TreeMap<>(entries);
    }

    /** An empty one, to be filled by {@link #with}. */
    static Directory empty() {
      return new Directory(Map.of());
    }

    /** This directory with one entry more. */
    Directory with(String name, FileTree tree) {
      Map<String, FileTree> more = new TreeMap<>(entries);
      more.put(name, tree);
      return new Directory(more);
    }
  }

  /** What is at a path of names below this tree, which has to be there. */
  default FileTree at(String... names) {
    FileTree tree = this;
    for (String name : names) {
      tree = Objects.requireNonNull(((Directory) tree).entries().get(name), name);
    }
    return tree;
  }

  /** A symlink. */
  record Symlink(String target) implements FileTree {}

  /** A regular file. */
  final class Regular implements FileTree {
    private final byte[] contents;
    private final boolean executable;

    /** With a copy of the bytes. */
    Regular(byte[] contents, boolean executable) {
      this.contents = contents.clone();
      this.executable = executable;
    }

    /** A text that is not executable. */
    static Regular text(String text) {
      return new Regular(text.getBytes(StandardCharsets.UTF_8), false);
    }

    byte[] contents() {
      return contents.clone();
    }

    boolean executable() {
      return executable;
    }
  }

  /** The hash and the length of a NAR. */
  record Nar(NarHash hash, long size) {
    /** As Nix writes it into its database. */
    String databaseText() {
      return "sha256:" + hash.toHex();
    }
  }

  /** What Nix knows of this tree. */
  default Nar nar() {
    NarOutput out = new NarOutput();
    out.string("nix-archive-1");
    out.node(this);
    return new Nar(NarHash.of(out.digest.digest()), out.size);
  }

  /** Feeds a digest. */
  final class NarOutput {
    private final MessageDigest digest;
    private long size;

    private NarOutput() {
      try {
        digest = MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("Every Java platform has SHA-256", e);
      }
    }

    private void node(FileTree tree) {
      strings("(", "type");
      if (tree instanceof Directory directory) {
        string("directory");
        directory
            .entries()
            .forEach(
                (name, child) -> {
                  strings("entry", "(", "name", name, "node");
                  node(child);
                  string(")");
                });
      } else if (tree instanceof Symlink symlink) {
        strings("symlink", "target", symlink.target());
      } else if (tree instanceof Regular regular) {
        string("regular");
        if (regular.executable()) {
          strings("executable", "");
        }
        string("contents");
        bytes(regular.contents());
      }
      string(")");
    }

    private void strings(String... all) {
      for (String s : all) {
        string(s);
      }
    }

    private void string(String latin1) {
      bytes(latin1.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void bytes(byte[] bytes) {
      int padding = (8 - bytes.length % 8) % 8;
      put(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length).array());
      put(bytes);
      put(new byte[padding]);
    }

    private void put(byte[] bytes) {
      digest.update(bytes);
      size += bytes.length;
    }
  }
}
