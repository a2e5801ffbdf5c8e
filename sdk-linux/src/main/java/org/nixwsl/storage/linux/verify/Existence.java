package org.nixwsl.storage.linux.verify;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.Verdict;

/** Compares the listing of the store directory with the rows. */
final class Existence {
  static final String LINKS = ".links";

  /** What Nix itself leaves in the store directory and never registers. */
  private static final Pattern LEFTOVER =
      Pattern.compile(
          ".*\\.chroot|.*\\.check|.*\\.old-[0-9]+-[0-9]+|tmp-[0-9]+-[0-9]+|\\.tmp-link-.*|trash");

  private final NixStore store;
  private final StoreDatabase database;
  private final Findings findings;
  private final Operation operation;
  private long leftovers;
  private String someLeftover = "";

  Existence(NixStore store, StoreDatabase database, Findings findings, Operation operation) {
    this.store = store;
    this.database = database;
    this.findings = findings;
    this.operation = operation;
  }

  /**
   * Reports what is missing and what is not registered.
   *
   * @return the rows whose path is there, in their order
   * @throws EnvironmentException {@code NOT_A_STORE} if there is no store directory
   */
  List<StoreRow> check(List<StoreRow> rows) throws IOException {
    Map<String, StoreRow> missing = new LinkedHashMap<>();
    rows.forEach(row -> missing.put(row.name(), row));
    for (Path unknown : listing(missing)) {
      unregistered(unknown);
    }
    for (StoreRow row : List.copyOf(missing.values())) {
      operation.checkCancelled();
      if (Files.exists(store.storeDirectory().resolve(row.name()), LinkOption.NOFOLLOW_LINKS)) {
        missing.remove(row.name());
      } else {
        reportGone(row);
      }
    }
    if (leftovers > 0) {
      findings.note(
          leftovers
              + " leftovers of Nix in the store directory are no store paths, such as "
              + someLeftover
              + "; they do no harm.");
    }
    return rows.stream().filter(row -> !missing.containsKey(row.name())).toList();
  }

  /** A path that is not there: damage if its row still is, else somebody collected it. */
  void reportGone(StoreRow row) {
    if (database.requery(row.name()).isPresent()) {
      findings.add(
          row.logicalPath(), Verdict.MISSING, "registered, but not in the store directory");
    } else {
      reportCollected(row);
    }
  }

  void reportCollected(StoreRow row) {
    findings.add(
        row.logicalPath(), Verdict.COLLECTED, "its row went away while the store was verified");
  }

  /** Takes out of the map what is there; returns what is there and not in the map. */
  private List<Path> listing(Map<String, StoreRow> missing) throws IOException {
    Path directory = store.storeDirectory();
    requireDirectory(directory);
    List<Path> unknown = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        operation.checkCancelled();
        String name = Objects.requireNonNull(entry.getFileName()).toString();
        if (missing.remove(name) == null && !normal(entry, name)) {
          unknown.add(entry);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
    return unknown;
  }

  private static void requireDirectory(Path directory) throws IOException {
    String problem;
    try {
      FileFacts facts = FileFacts.of(directory);
      if (facts.directory()) {
        return;
      }
      problem = "is a " + facts.typeName();
    } catch (NoSuchFileException e) {
      problem = "does not exist";
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.NOT_A_STORE,
            "There is no Nix store here: "
                + PathBytes.printable(directory)
                + " "
                + problem
                + ", though there is a database.",
            "Give a directory that holds nix/store and nix/var, or / for this machine's store."));
  }

  /** Whether the entry belongs to Nix's way of working; the rest has to be a valid path. */
  private boolean normal(Path entry, String name) {
    if (name.equals(LINKS)) {
      return true;
    }
    if (name.endsWith(".lock") && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
      return true;
    }
    if (!LEFTOVER.matcher(name).matches()) {
      return false;
    }
    leftovers++;
    someLeftover = PathBytes.printable(PathBytes.ofName(entry));
    return true;
  }

  /** It may have come, or gone, since the database was read. */
  private void unregistered(Path entry) {
    operation.checkCancelled();
    String text = Objects.requireNonNull(entry.getFileName()).toString();
    boolean registered = StoreRow.isStoreName(text) && database.requery(text).isPresent();
    if (!registered && Files.exists(entry, LinkOption.NOFOLLOW_LINKS)) {
      findings.add(
          StoreRow.LOGICAL_PREFIX + PathBytes.printable(PathBytes.ofName(entry)),
          Verdict.UNREGISTERED,
          "in the store directory, but not in the database; a garbage collection deletes it");
    }
  }
}
