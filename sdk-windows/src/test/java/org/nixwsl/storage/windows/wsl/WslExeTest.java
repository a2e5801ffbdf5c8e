package org.nixwsl.storage.windows.wsl;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.windows.wsl.WslDistribution.State;
import org.nixwsl.storage.windows.wsl.WslExe.WslDisk;

class WslExeTest {
  private static final String LIST =
      """
        NAME                   STATE           VERSION
      * nixos-main             Running         2
        Ubuntu-24.04           Stopped         2
        old                    Converting      1
        uralt                  Wird ausgeführt 2
      """
          .replace("\n", "\r\n");

  @TempDir Path scratch;
  private FakeWsl wsl;

  @BeforeEach
  void putProgramInPlace() throws IOException {
    wsl = new FakeWsl(scratch);
  }

  @Test
  void listsInstancesInEitherEncoding() throws IOException {
    wsl.answers("--list", 0, LIST, "", UTF_16LE).answers("--list", 0, LIST);
    for (int i = 0; i < 2; i++) {
      assertThat(FakeWsl.<List<WslDistribution>>call(op -> wsl.exe().list(op)))
          .containsExactly(
              new WslDistribution("nixos-main", State.RUNNING, 2, true),
              new WslDistribution("Ubuntu-24.04", State.STOPPED, 2, false),
              new WslDistribution("old", State.CONVERTING, 1, false),
              new WslDistribution("uralt", State.OTHER, 2, false));
    }
    assertThat(wsl.calls()).containsOnly(List.of("--list", "--verbose"));
    assertThat(wsl.noted("utf8", 1)).isEqualTo("1");
  }

  @Test
  void listsNothingWhereThereIsNoInstance() throws IOException {
    wsl.answers("--list", -1, "Es gibt keine Distribution.\r\n", "", UTF_16LE);
    assertThat(FakeWsl.<List<WslDistribution>>call(op -> wsl.exe().list(op))).isEmpty();
  }

  @Test
  void aListThatWasCutShortIsAskedForAgain() throws IOException {
    wsl.answers("--list", -1, "  NAME   STA").answers("--list", 0, LIST);
    assertThat(FakeWsl.<List<WslDistribution>>call(op -> wsl.exe().list(op))).hasSize(4);
  }

  @Test
  void listsWhatRuns() throws IOException {
    wsl.answers("--list", 0, "nixos-main\r\nold\r\n", "", UTF_16LE).answers("--list", 0, "");
    assertThat(FakeWsl.<List<String>>call(op -> wsl.exe().running(op)))
        .containsExactly("nixos-main", "old");
    assertThat(FakeWsl.<List<String>>call(op -> wsl.exe().running(op))).isEmpty();
    assertThat(wsl.calls()).containsOnly(List.of("--list", "--running", "--quiet"));
  }

  @Test
  void readsTheVersionInAnyLanguage() throws IOException {
    wsl.answers("--version", 0, "WSL バージョン: 2.6.1.0\r\nカーネル: 6.6.87.2-1\r\n", "", UTF_16LE)
        .answers("--version", -1, "Invalid command line option: --version\r\n", "", UTF_16LE);
    assertThat(FakeWsl.<String>call(op -> wsl.exe().version(op))).isEqualTo("2.6.1.0");
    failsWith(ErrorCode.WSL_NOT_AVAILABLE, () -> FakeWsl.call(op -> wsl.exe().version(op)));
  }

  @Test
  void passesEveryArgumentAsItIs() throws IOException {
    for (String verb :
        List.of(
            "--mount",
            "--unmount",
            "--terminate",
            "--shutdown",
            "--export",
            "--import",
            "--import-in-place",
            "--manage",
            "--status")) {
      wsl.answers(verb, 0, "");
    }
    String path = "\\\\?\\D:\\my disks\\\"ünï\" $x.vhdx";
    WslDisk file = WslDisk.ofFile(path);
    WslDisk physical = new WslDisk("\\\\.\\PHYSICALDRIVE2", false, Optional.of(3));
    MountName name = MountName.of("nixstorage");
    WslExe exe = wsl.exe();
    Operation.quiet(
        "test",
        op -> {
          exe.attach(file, op);
          exe.mount(file, name, "btrfs", "compress=zstd:3", op);
          exe.unmount(file, op);
          exe.attach(physical, op);
          exe.mount(physical, name, "ext4", "", op);
          exe.terminate("nixos-main", op);
          exe.shutdown(false, op);
          exe.shutdown(true, op);
          exe.export("nixos-main", "D:\\a b.tar.xz", WslExe.Format.TAR_XZ, op);
          exe.importFrom("new", "D:\\new", path, true, op);
          exe.importFrom("new", "D:\\new", "D:\\a.tar", false, op);
          exe.importInPlace("new", path, op);
          exe.move("new", "E:\\other place", op);
          exe.resize("new", 1L << 40, op);
          exe.setSparse("new", false, false, op);
          exe.setSparse("new", true, true, op);
          return exe.status(op);
        });
    assertThat(wsl.calls())
        .containsExactly(
            List.of("--mount", path, "--vhd", "--bare"),
            List.of(
                "--mount",
                path,
                "--vhd",
                "--name",
                "nixstorage",
                "--type",
                "btrfs",
                "--options",
                "compress=zstd:3"),
            List.of("--unmount", path),
            List.of("--mount", physical.path(), "--bare"),
            List.of(
                "--mount",
                physical.path(),
                "--name",
                "nixstorage",
                "--type",
                "ext4",
                "--partition",
                "3"),
            List.of("--terminate", "nixos-main"),
            List.of("--shutdown"),
            List.of("--shutdown", "--force"),
            List.of("--export", "nixos-main", "D:\\a b.tar.xz", "--format", "tar.xz"),
            List.of("--import", "new", "D:\\new", path, "--version", "2", "--vhd"),
            List.of("--import", "new", "D:\\new", "D:\\a.tar", "--version", "2"),
            List.of("--import-in-place", "new", path),
            List.of("--manage", "new", "--move", "E:\\other place"),
            List.of("--manage", "new", "--resize", "1099511627776B"),
            List.of("--manage", "new", "--set-sparse", "false"),
            List.of("--manage", "new", "--set-sparse", "true", "--allow-unsafe"),
            List.of("--status"));
  }

  @Test
  void neverDetachesAllDisks() {
    for (String path : List.of("", " ", "--force")) {
      assertThatIllegalArgumentException().isThrownBy(() -> WslDisk.ofFile(path));
    }
  }

  @Test
  void neverReadsAnArchiveFromStandardInput() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Operation.quiet(
                    "test",
                    op -> {
                      wsl.exe().importFrom("new", "D:\\new", "-", false, op);
                      return true;
                    }));
    assertThat(scratch.resolve("call.1")).doesNotExist();
  }

  @Test
  void tellsThatAnInstanceStillRunsInEveryLanguage() throws IOException {
    for (String said :
        List.of(
            "Die Distribution wird ausgeführt. \r\nFehlercode: ",
            "ディストリビューションは実行中です。 \r\nエラー コード: ",
            "分发正在运行。 \r\n错误代码: ")) {
      FakeWsl fresh = new FakeWsl(Files.createTempDirectory(scratch, "wsl"));
      fresh.answers(
          "--manage", -1, said + "Wsl/Service/WSL_E_DISTRO_NOT_STOPPED\r\n", "", UTF_16LE);
      assertThatThrownBy(
              () ->
                  Operation.quiet(
                      "test",
                      op -> {
                        fresh.exe().move("nixos", "D:\\x", op);
                        return true;
                      }))
          .isInstanceOf(CommandException.class)
          .hasMessageContaining("WSL_E_DISTRO_NOT_STOPPED")
          .hasMessageContaining("wsl --shutdown")
          .hasCauseInstanceOf(WslErrorReport.class);
    }
  }

  @Test
  void killsACallWithItsChildrenWhenItIsCancelled() throws IOException {
    Path program = scratch.resolve("hanging");
    Path started = scratch.resolve("started");
    Files.writeString(
        program,
        "#!/bin/sh\nsleep 300 &\necho $! > "
            + started
            + ".new\nmv "
            + started
            + ".new "
            + started
            + "\nwait\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    CancellationToken token = new CancellationToken();
    WslExe exe = new WslExe(WslRunner.ofProgram(new ProcessRunner(), program.toString()));
    Thread canceller =
        new Thread(
            () ->
                Operation.quiet(
                    "wait",
                    op -> {
                      op.await("start", Duration.ofSeconds(20), () -> Files.exists(started));
                      token.cancel();
                      return true;
                    }));
    canceller.start();
    RunOptions options = RunOptions.builder().cancelWith(token).build();
    assertThatThrownBy(
            () -> Operation.run("test", options, Ticker.system(), Map.of(), op -> exe.running(op)))
        .isInstanceOf(OperationCancelledException.class);
    long child = Long.parseLong(Files.readString(started).strip());
    boolean gone =
        Operation.quiet(
            "wait",
            op ->
                op.await(
                    "end of the child",
                    Duration.ofSeconds(10),
                    () -> ProcessHandle.of(child).filter(ProcessHandle::isAlive).isEmpty()));
    assertThat(gone).isTrue();
  }

  @Test
  void feedsScriptsThroughStandardInput() throws IOException {
    wsl.answers("script", 7, "été\n", "wsl: Warnung\r\n", UTF_8);
    String script = "printf '%s\n' \"é $x\"\n";
    WslAnswer answer = FakeWsl.call(op -> wsl.exe().exec("nixos-main", script, op));
    assertThat(wsl.calls())
        .containsExactly(List.of("-d", "nixos-main", "-u", "root", "--exec", "/bin/sh", "-s"));
    assertThat(wsl.noted("stdin", 1)).isEqualTo(script);
    assertThat(answer.exitCode()).isEqualTo(7);
    assertThat(answer.stdout()).isEqualTo("été\n");
    assertThat(answer.wslFailed()).isFalse();
  }

  @Test
  void refusesNamesThatCouldBeOptions() {
    for (String name : List.of("", "-d", "--shutdown", "a b", "a;b", "é")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> FakeWsl.call(op -> wsl.exe().exec(name, "", op)));
    }
    assertThat(scratch.resolve("call.1")).doesNotExist();
  }

  @Test
  void tellsAnInstanceThatIsNotThereFromAScriptThatFails() throws IOException {
    wsl.answers(
        "script", -1, "??? Fehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n", "", UTF_16LE);
    failsWith(ErrorCode.DISTRO_NOT_FOUND, () -> FakeWsl.call(op -> wsl.exe().exec("x", "", op)));
  }

  @Test
  void aFailureThatIsNotKnownKeepsAllItCanTell() throws IOException {
    wsl.answers("--list", -1, "Kaputt.\r\nFehlercode: Wsl/0x8badf00d\r\n", "", UTF_16LE);
    assertThatThrownBy(() -> FakeWsl.call(op -> wsl.exe().running(op)))
        .isInstanceOfSatisfying(
            CommandException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.WSL_FAILED);
              assertThat(e.command()).endsWith("--list", "--running", "--quiet");
              assertThat(e.output()).contains("Kaputt.");
              assertThat(e).hasMessageContaining("Wsl/0x8badf00d");
            });
  }

  @Test
  void saysWhenThereIsNoWsl() {
    WslExe absent =
        new WslExe(WslRunner.ofProgram(new ProcessRunner(), scratch.resolve("absent").toString()));
    failsWith(ErrorCode.WSL_NOT_AVAILABLE, () -> FakeWsl.call(absent::list));
  }

  private static void failsWith(ErrorCode code, Runnable call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
