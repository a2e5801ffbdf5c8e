package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.nar.NixBase32;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.tree.LinkTable;
import org.nixwsl.storage.linux.copy.tree.Workers;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.Verdict;

/**
 * Copies {@code .links}, the directory by which Nix finds files of equal contents. Most of it comes
 * by itself, when a store path that shares the file is copied; the rest is copied after that.
 */
final class LinksCopier {
  /** The name of the directory in the store directory. */
  static final String NAME = ".links";

  /** Names held at once while they are looked at: about two megabytes. */
  private static final int PORTION = 10_000;

  /** 256 bits in base 32. */
  private static final int NAME_LENGTH = 52;

  private final PathCopier.Parts parts;
  private final Path source;
  private final Path target;

  /** A copier whose names come to lie where the table of links has them. */
  LinksCopier(PathCopier.Parts parts) {
    this.parts = parts;
    this.source = parts.sourceStore().resolve(NAME);
    this.target = parts.links().names();
  }

  /**
   * Adds to {@code .links} of a store that stays what store paths brought, where it has no such
   * name and where the file can have one more.
   */
  void addTo(Path store) throws IOException {
    Path there = store.resolve(NAME);
    if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.exists(there, LinkOption.NOFOLLOW_LINKS)) {
      parts.nodes().directory(there);
      parts.nodes().finish(there, FileFacts.of(source));
    }
    DirectoryEntries.each(
        target,
        entry -> {
          Path name = there.resolve(entry.getFileName());
          if (!Files.exists(name, LinkOption.NOFOLLOW_LINKS) && !LinkTable.linked(name, entry)) {
            parts.ledger().leftOut(Path.of("store", NAME).resolve(entry.getFileName()));
          }
        });
  }

  /** Learns which inodes have names in {@code .links}; before the first store path is copied. */
  void learn(int threads) throws IOException, InterruptedException {
    if (!Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
      parts.nodes().directory(target);
    }
    // A store has a name for each file, a million of them in a large one: looked at in portions.
    List<Path> portion = new ArrayList<>(PORTION);
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(source)) {
      for (Path entry : entries) {
        portion.add(entry);
        if (portion.size() == PORTION) {
          look(portion, threads);
          portion.clear();
        }
      }
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
    look(portion, threads);
  }

  private void look(List<Path> entries, int threads) throws IOException, InterruptedException {
    Workers.each(entries, threads, () -> this, (entry, links) -> links.lookAt(entry));
  }

  private void lookAt(Path entry) throws IOException {
    parts.operation().checkCancelled();
    FileFacts facts;
    try {
      facts = FileFacts.of(entry);
    } catch (NoSuchFileException collectedMeanwhile) {
      return;
    }
    if ((facts.regular() || facts.symlink()) && isLinkName(entry)) {
      parts.links().nameInLinks(entry, facts);
    } else {
      parts.ledger().leftOut(Path.of("store", NAME).resolve(entry.getFileName()));
    }
  }

  /**
   * Removes names that only store paths brought which are no longer in the target.
   *
   * @param inUse the inodes with several names in what is in the target
   */
  void dropUnproven(Set<Long> inUse) throws IOException {
    parts
        .links()
        .dropUnproven(name -> parts.ledger().extraLinks().containsKey(NAME + "/" + name), inUse);
  }

  /** Removes what an earlier call copied and the source has not any more. */
  void dropUnknown() throws IOException {
    if (Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
      parts.links().dropUnknown();
    } else {
      TreeRemoval.remove(target);
    }
  }

  /** Copies the names that no store path brought; returns when they are on the device. */
  void copyRest(int threads) throws IOException, InterruptedException {
    List<Path> rest = parts.links().missingNames();
    Workers.each(rest, threads, TreeWalker::new, this::copyOne);
    if (!rest.isEmpty()) {
      parts.fileSystem().sync(parts.operation());
    }
  }

  /** Gives the directory itself its owner, mode and time; after the last name. */
  void finish() throws IOException {
    if (Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
      parts.nodes().finish(target, FileFacts.of(source));
    }
  }

  /** The hash of the file alone, in Nix's base 32; also no name that could leave the directory. */
  private static boolean isLinkName(Path entry) {
    byte[] name = PathBytes.ofName(entry);
    boolean digits = name.length == NAME_LENGTH;
    for (byte b : name) {
      digits &= NixBase32.isDigit((char) b);
    }
    return digits;
  }

  private void copyOne(Path name, TreeWalker walker) throws IOException {
    Path from = source.resolve(name);
    Path to = target.resolve(name);
    String shown = NAME + "/" + PathBytes.printable(PathBytes.ofName(name));
    try {
      NarHash hash =
          new TreeCopier(parts, from, to, bytes -> {}).copy(Optional.empty(), walker).hash();
      parts.ledger().extraLink(shown, hash);
      if (!shown.equals(NAME + "/" + hash.toBase32())) {
        parts.ledger().found(shown, Verdict.LINK, "the contents have the hash " + hash.toBase32());
      }
    } catch (UnreadableException e) {
      Files.deleteIfExists(to);
      if (e.gone()) {
        // Nix removes a name when no store path shares it.
        return;
      }
      parts.ledger().found(shown, Verdict.UNREADABLE, String.valueOf(e.getMessage()));
    }
  }
}
