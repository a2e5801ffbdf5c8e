package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.linux.copy.LinuxStoreHost;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** What the copy tests share: how to copy, and what a whole copy is. */
public final class CopyBench {
  private CopyBench() {}

  /** What copies on this machine. */
  public static StoreHost host() {
    return new LinuxStoreHost(new ProcessRunner(), Ticker.system());
  }

  static CopyReport copy(NixStore source, NixStore target, RunOptions options) {
    return new CopyEngine(host(), Ticker.system()).copy(CopyRequest.of(source, target), options);
  }

  static CopyReport copy(NixStore source, NixStore target) {
    return copy(source, target, RunOptions.ofDefaults());
  }

  /** Parts of a copy, and what happens between them. */
  @FunctionalInterface
  interface InSession {
    void run(CopySession session, StageProgress progress)
        throws IOException, InterruptedException, SQLException;
  }

  static void inSession(NixStore source, NixStore target, InSession body) {
    inSession(CopyRequest.of(source, target), body);
  }

  static void inSession(CopyRequest request, InSession body) {
    Operation.quiet(
        "copy",
        operation -> {
          try (CopySession session = host().begin(request, operation)) {
            return operation.stage(
                Stage.COPY,
                progress -> {
                  try {
                    body.run(session, progress);
                  } catch (SQLException e) {
                    throw new IllegalStateException(e);
                  }
                  return true;
                });
          }
        });
  }

  /** Changes a database. */
  static void sql(NixStore store, String statement) throws SQLException {
    try (var connection =
            DriverManager.getConnection("jdbc:sqlite:" + store.database().toAbsolutePath());
        var prepared = connection.createStatement()) {
      prepared.executeUpdate(statement);
    }
  }

  /** The target holds exactly what the source's rows and state are, down to inodes and times. */
  public static void assertSame(NixStore source, NixStore target) throws IOException {
    assertSame(source, target, Set.of());
  }

  /** {@link #assertSame(NixStore, NixStore)} but for store paths that could not be read. */
  static void assertSame(NixStore source, NixStore target, Set<String> unreadable)
      throws IOException {
    Set<String> rows = new HashSet<>();
    Operation.quiet("rows", operation -> StoreDatabase.of(source).read(operation)).rows().stream()
        .map(StoreRow::name)
        .forEach(rows::add);
    rows.removeAll(unreadable);
    assertThat(TreeListing.of(target.directory(), name -> !state(name)))
        .as("the store of the target")
        .hasSizeGreaterThan(rows.size())
        .isEqualTo(TreeListing.of(source.directory(), name -> belongs(rows, name) && !state(name)));
    for (String part : new String[] {"profiles", "gcroots"}) {
      assertThat(TreeListing.of(target.stateDirectory().resolve(part), name -> true))
          .as(part)
          .isEqualTo(TreeListing.of(source.stateDirectory().resolve(part), name -> true));
    }
    assertThat(Operation.quiet("rows", o -> StoreDatabase.of(target).read(o)).fingerprint())
        .isEqualTo(Operation.quiet("rows", o -> StoreDatabase.of(source).read(o)).fingerprint());
    assertThat(sqlDump(target)).isEqualTo(sqlDump(source));
    assertThat(target.directory().resolve(".nixwsl-copy")).doesNotExist();
  }

  /** One of more than 100 bytes in a store path, always the same. */
  static Path regularFileIn(NixStore store) throws IOException {
    try (Stream<Path> files = Files.walk(store.storeDirectory())) {
      return files
          .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
          .filter(file -> file.toFile().length() > 100 && !file.toString().contains("/.links/"))
          .sorted()
          .findFirst()
          .orElseThrow();
    }
  }

  /** Distinct files and symlinks in the store directory. */
  static long inodes(NixStore store) throws IOException {
    Set<Object> inodes = new HashSet<>();
    try (var files = Files.walk(store.storeDirectory())) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          inodes.add(Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS));
        }
      }
    }
    return inodes.size();
  }

  static long openFiles() throws IOException {
    long count = 0;
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path file : open) {
        count += Files.isSymbolicLink(file) ? 1 : 0;
      }
    }
    return count;
  }

  private static boolean state(String name) {
    return name.equals("var") || name.startsWith("var/");
  }

  private static boolean belongs(Set<String> rows, String name) {
    if (!name.startsWith("store/")) {
      return true;
    }
    String entry = name.split("/", -1)[1];
    return entry.equals(".links") || rows.contains(entry);
  }

  private static String sqlDump(NixStore store) {
    StringBuilder dump = new StringBuilder();
    String url = StoreDatabase.url(store.database(), "mode=ro");
    try (var connection = DriverManager.getConnection(url);
        var statement = connection.createStatement()) {
      for (String table : new String[] {"ValidPaths", "Refs", "DerivationOutputs"}) {
        try (var rows = statement.executeQuery("select * from " + table + " order by 1, 2")) {
          int columns = rows.getMetaData().getColumnCount();
          while (rows.next()) {
            for (int i = 1; i <= columns; i++) {
              dump.append(rows.getString(i)).append('|');
            }
            dump.append('\n');
          }
        }
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
    return dump.toString();
  }
}
