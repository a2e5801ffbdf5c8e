package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.StoreFixture;

/** Each wrong input gives its code and a remedy, exit status 3, and leaves everything as it was. */
class BadInputTest {
  private static final Path VAR_TMP = Path.of("/var/tmp");

  private final ProcessRunner processes = new ProcessRunner();
  private final List<Path> mounts = new ArrayList<>();
  private ScratchDirectory scratch;
  private Path folder;
  private Path classes;

  @BeforeEach
  void prepare() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"),
        "skipped: Linux, where stores are, is missing");
    scratch = ScratchDirectory.in(VAR_TMP, "nixwsl-test-");
    folder = Files.createDirectory(scratch.path().resolve("work"));
    classes = Files.createDirectory(scratch.path().resolve("classes"));
  }

  @AfterEach
  void cleanUp() throws IOException {
    for (Path mount : mounts) {
      command("umount", mount.toString());
    }
    if (scratch != null) {
      scratch.close();
    }
  }

  @Test
  void aFileThatIsNoVhdxIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("text.vhdx"), "no disk ".repeat(100_000));
    refused("NOT_A_VHDX", "vhdx", "inspect", file);
    refused("NOT_A_VHDX", "vhdx", "check", file);
    refused("NOT_A_VHDX", "vhdx", "read", file, "--length", "1");
  }

  @Test
  void aFileThatIsMissingIsNamed() throws IOException {
    refused("NOT_FOUND", "vhdx", "inspect", folder.resolve("nowhere.vhdx"));
    refused("NOT_FOUND", "vhdx", "create", folder.resolve("no/folder.vhdx"), "--size", "1G");
  }

  @Test
  void aFileThatExistsIsNotOverwritten() throws IOException {
    Path file = Files.writeString(folder.resolve("old.vhdx"), "precious");
    refused("ALREADY_EXISTS", "vhdx", "create", file, "--size", "1G");
  }

  @Test
  void sizesThatNoDiskCanHaveAreRefused() throws IOException {
    refused("VHDX_BAD_GEOMETRY", "vhdx", "create", folder.resolve("x.vhdx"), "--size", "65T");
    refused("VHDX_BAD_GEOMETRY", "vhdx", "create", folder.resolve("x.vhdx"), "--size", "1000");
  }

  @Test
  void aDiskThatDoesNotFitIsRefused() throws IOException {
    Path small = mount("tmpfs", "size=4m");
    refused("NO_SPACE", "vhdx", "create", small.resolve("x.vhdx"), "--size", "2T");
  }

  @Test
  void aDirectoryWithoutAStoreIsRefused() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    refused("NOT_A_STORE", "store", "verify", empty);
    refused("NOT_A_STORE", "store", "copy", empty, folder.resolve("target"));
  }

  @Test
  void aStoreWithoutItsDatabaseIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    Files.delete(store.store().database());
    refused("NOT_A_STORE", "store", "verify", store.root());
    refused("NOT_A_STORE", "store", "copy", store.root(), folder.resolve("target"));
  }

  @Test
  void aDatabaseOfANewerNixIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    Files.writeString(store.store().database().resolveSibling("schema"), "11");
    refused("SCHEMA_TOO_NEW", "store", "verify", store.root());
    refused("SCHEMA_TOO_NEW", "store", "copy", store.root(), folder.resolve("target"));
  }

  @Test
  void aTargetThatHoldsAnotherStoreIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    StoreFixture other = fixture("other");
    refused("TARGET_NOT_EMPTY", "store", "copy", store.root(), other.root());
  }

  @Test
  void aStoreWhoseFilesCannotBeLinkedToIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    Path target = folder.resolve("target");
    refused(
        "CANNOT_LINK",
        "store",
        "copy",
        store.root(),
        target,
        "--link-identical-from",
        store.root());
    Cli both =
        Cli.run(
            "store",
            "copy",
            store.root(),
            target,
            "--link-identical-from",
            folder.resolve("other"),
            "--xattrs");
    assertThat(both.exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(both.err()).contains("exclude each other");
  }

  @Test
  void aTargetInsideTheSourceIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    refused("TARGET_INSIDE_SOURCE", "store", "copy", store.root(), store.root());
    refused(
        "TARGET_INSIDE_SOURCE", "store", "copy", store.root(), store.root().resolve("nix/store"));
  }

  @Test
  void aTargetInMemoryIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    refused("UNSUITABLE_FILE_SYSTEM", "store", "copy", store.root(), mount("tmpfs", "size=64m"));
  }

  @Test
  void aTargetOnAnOverlayIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    for (String part : List.of("lower", "upper", "work")) {
      Files.createDirectory(folder.resolve(part));
    }
    Path overlay =
        mount(
            "overlay",
            "lowerdir=%1$s/lower,upperdir=%1$s/upper,workdir=%1$s/work".formatted(folder));
    refused("UNSUITABLE_FILE_SYSTEM", "store", "copy", store.root(), overlay);
    refused(
        "UNSUITABLE_FILE_SYSTEM",
        "migrate",
        "run",
        "--source",
        store.root(),
        "--instance",
        "x",
        "--directory",
        overlay);
  }

  @Test
  void aMigrationWithoutADiskAndWithoutASizeIsRefused() throws IOException {
    StoreFixture store = fixture("source");
    refused(
        "NOT_FOUND",
        "migrate",
        "run",
        "--source",
        store.root(),
        "--instance",
        "x",
        "--disk",
        folder.resolve("none.vhdx"));
  }

  /** On Linux, where this runs, an instance cannot be restarted from outside. */
  @Test
  void aRestartFromInsideAndASwitchWithoutNixosAreRefused() throws IOException {
    assumeTrue(Files.notExists(Path.of("/run/current-system")), "skipped: this is a NixOS");
    StoreFixture store = fixture("source");
    Object[] move = {
      "migrate",
      "run",
      "--source",
      store.root(),
      "--instance",
      "x",
      "--config-dir",
      folder,
      "--disk",
      folder.resolve("none.vhdx"),
      "--size",
      "1G",
      "--restart"
    };
    refused("PLAN_REFUSED", move); // for both reasons
    move[move.length - 1] = "--switch";
    refused("TOOL_MISSING", move);
  }

  @Test
  void whoIsNotRootIsTold() throws Exception {
    assumeRoot();
    StoreFixture store = fixture("source");
    for (Path open : List.of(scratch.path(), folder)) {
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    }
    String classPath = readableClassPath();
    Path target = folder.resolve("target");
    Map<String, String> before = listing();

    ProcessRunner.Result result =
        Operation.quiet(
            "run as nobody",
            op ->
                processes.run(
                    Command.of(
                        "setpriv",
                        "--reuid=65534",
                        "--regid=65534",
                        "--clear-groups",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        classPath,
                        NixWsl.class.getName(),
                        "migrate",
                        "run",
                        "--source",
                        store.root().toString(),
                        "--instance",
                        "x",
                        "--disk",
                        target + ".vhdx",
                        "--size",
                        "1G"),
                    op));

    assertThat(result.exitCode()).as(result.allText()).isEqualTo(NixWsl.FAILED);
    assertThat(result.allText()).contains("NOT_ROOT");
    assertThat(listing()).isEqualTo(before);
  }

  /** A copy that anybody may read; the original is mostly below root's home. */
  private String readableClassPath() throws IOException {
    List<String> copies = new ArrayList<>();
    for (Path entry : Cli.classPath()) {
      Path copy =
          classes.resolve(
              "entry-" + copies.size() + (entry.toString().endsWith(".jar") ? ".jar" : ""));
      try (Stream<Path> files = Files.walk(entry)) {
        for (Path file : (Iterable<Path>) files::iterator) {
          Files.copy(file, copy.resolve(entry.relativize(file).toString()));
        }
      }
      copies.add(copy.toString());
    }
    return String.join(":", copies);
  }

  private void refused(String code, Object... arguments) throws IOException {
    Map<String, String> before = listing();
    List<Object> json = new ArrayList<>(List.of(arguments));
    json.add("--json");

    Cli result = Cli.run(json.toArray());

    assertThat(result.exitCode()).as(result.err()).isEqualTo(NixWsl.FAILED);
    assertThat(result.out()).isEmpty();
    assertThat(result.error())
        .containsEntry("code", code)
        .containsEntry("stateLeft", "nothingChanged");
    assertThat((String) result.error().get("remedy")).isNotBlank();
    assertThat(listing()).as("what is on disk afterwards").isEqualTo(before);
  }

  private StoreFixture fixture(String name) throws IOException {
    return StoreFixture.create(Files.createDirectory(folder.resolve(name)), 7);
  }

  private Path mount(String type, String options) throws IOException {
    assumeRoot();
    Path point = Files.createDirectory(folder.resolve("mounted"));
    command("mount", "-t", type, "-o", options, type, point.toString());
    mounts.add(point);
    return point;
  }

  private void command(String... argv) {
    Operation.quiet("prepare", op -> processes.runOk(Command.of(argv), op));
  }

  private static void assumeRoot() throws IOException {
    assumeTrue(
        Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid")),
        "skipped: root, who may mount, is missing");
  }

  /** Every file with its size and time of change; what a refused command must not touch. */
  private Map<String, String> listing() throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        all.put(
            file.toUri().getRawPath(),
            Files.readAttributes(
                    file, "unix:ino,size,mode,lastModifiedTime", LinkOption.NOFOLLOW_LINKS)
                .toString());
      }
    }
    return all;
  }
}
