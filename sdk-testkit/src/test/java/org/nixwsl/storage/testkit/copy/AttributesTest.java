package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.testkit.StoreFixture;

/** Attributes that Nix did not give, compared by {@code getcap}, {@code getfacl} and rsync. */
@Tag("once")
class AttributesTest {
  @TempDir Path directory;
  private LoopFileSystem disk;
  private StoreFixture fixture;
  private NixStore source;
  private NixStore target;
  private Path plain;
  private Path listed;
  private Path capable;

  @BeforeEach
  void makeASourceWithAttributes() throws IOException {
    for (String tool : List.of("getfattr", "setfattr", "getfacl", "setfacl", "setcap", "rsync")) {
      assumeTrue(
          Stream.of("/usr/bin/", "/usr/sbin/").anyMatch(in -> Files.exists(Path.of(in + tool))),
          "skipped: " + tool + " is missing");
    }
    disk = LoopFileSystem.ext4(directory, 128L << 20);
    fixture = StoreFixture.create(Files.createDirectory(disk.path().resolve("source")), 23);
    source = fixture.store();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    List<Path> files;
    try (Stream<Path> all = Files.walk(source.storeDirectory())) {
      files =
          all.filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
              .filter(file -> !file.toString().contains("/.links/"))
              .sorted()
              .toList();
    }
    plain = files.get(3);
    listed = files.get(30);
    capable = files.get(60);
    LoopFileSystem.run("setfattr", "-n", "user.note", "-v", "later", plain.toString());
    LoopFileSystem.run("setfacl", "-m", "u:1234:r", listed.toString());
    LoopFileSystem.run("setfacl", "-d", "-m", "g:77:rx", String.valueOf(listed.getParent()));
    LoopFileSystem.run("setcap", "cap_net_raw+ep", capable.toString());
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void areReportedAndNotCopied() throws IOException {
    CopyReport report = copy(false);
    for (Path file : List.of(plain, listed, capable)) {
      String path = "/nix/store/" + source.storeDirectory().relativize(file).getName(0);
      assertThat(report.findings())
          .anyMatch(
              finding ->
                  finding.path().equals(path)
                      && finding.verdict() == Verdict.METADATA
                      && finding.detail().contains("was not copied"));
    }
    assertThat(report.findings()).noneMatch(finding -> finding.verdict().damage());
    assertThat(report.paths()).isEqualTo(fixture.paths().size());
    assertThat(differences()).contains("xattr");
  }

  @Test
  void areReportedOnceMoreOfAPathThatChangedWhileItWasCopied() throws IOException {
    String name = source.storeDirectory().relativize(plain).getName(0).toString();
    List<CopyReport> reports = new ArrayList<>();
    CopyBench.inSession(
        source,
        target,
        (session, progress) -> {
          session.copyPaths(progress);
          registerAnew(name);
          session.copyState(progress);
          session.prove(progress);
          reports.add(session.report());
        });
    assertThat(reports.get(0).findings())
        .anyMatch(
            finding ->
                finding.path().endsWith(name)
                    && finding.verdict() == Verdict.METADATA
                    && finding.detail().contains("was not copied"));
  }

  private void registerAnew(String name) {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + source.database());
        var statement = connection.createStatement()) {
      statement.executeUpdate(
          "update ValidPaths set registrationTime = registrationTime + 1 where path like '%"
              + name
              + "'");
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void areCopiedOnRequest() throws IOException {
    Path odd =
        Path.of(
            URI.create(
                Objects.requireNonNull(plain.getParent())
                        .toUri()
                        .getRawPath()
                        .replaceFirst("^", "file://")
                    + "odd%FF%20%5C%0A"));
    Files.createFile(odd);
    LoopFileSystem.run(
        "sh",
        "-c",
        "find \"$1\" -name 'odd*' -exec setfattr -n user.odd -v 1 {} +",
        "sh",
        plain.getParent().toString());
    CopyReport report = copy(true);
    assertThat(report.findings()).noneMatch(finding -> finding.verdict() == Verdict.METADATA);
    CopyBench.assertSame(source, target);
    assertThat(differences()).isEmpty();
    assertThat(LoopFileSystem.run("getcap", copyOf(capable).toString())).contains("cap_net_raw");
    assertThat(LoopFileSystem.run("getfacl", "-n", copyOf(listed).toString()))
        .contains("user:1234:r--");
  }

  @Test
  void areNotAskedForTogetherWithSharedFiles() {
    CopyRequest.Builder request = CopyRequest.builder();
    request.source(source).target(target).linkIdenticalFrom(target).copyExtendedAttributes(true);
    assertThatThrownBy(request::build).isInstanceOf(IllegalArgumentException.class);
  }

  /** What rsync would change in the target to make attributes and ACLs those of the source. */
  private String differences() {
    String changes =
        LoopFileSystem.run(
            "rsync",
            "-rlptgoXA",
            "--numeric-ids",
            "--dry-run",
            "--itemize-changes",
            "--existing",
            source.storeDirectory() + "/",
            target.storeDirectory() + "/");
    StringBuilder xattrs = new StringBuilder();
    for (String line : changes.split("\n", -1)) {
      // YXcstpoguax: the tenth says ACL, the eleventh extended attributes.
      if (line.length() > 11 && (line.charAt(9) == 'a' || line.charAt(10) == 'x')) {
        xattrs.append("xattr ").append(line).append('\n');
      }
    }
    return xattrs.toString();
  }

  private Path copyOf(Path file) {
    return target.storeDirectory().resolve(source.storeDirectory().relativize(file));
  }

  private CopyReport copy(boolean attributes) {
    return new CopyEngine(CopyBench.host(), Ticker.system())
        .copy(
            CopyRequest.builder()
                .source(source)
                .target(target)
                .copyExtendedAttributes(attributes)
                .build(),
            RunOptions.ofDefaults());
  }
}
