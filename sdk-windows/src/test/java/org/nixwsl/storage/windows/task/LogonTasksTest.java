package org.nixwsl.storage.windows.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.Persistence.Task;
import org.w3c.dom.Document;

class LogonTasksTest {
  private static final MountName MOUNT = MountName.of("nixstorage");
  private static final String NAME = "NixOS-WSL storage nixstorage (PC_j_rgen)";
  private static final List<String> COMMAND =
      List.of("C:\\Program Files\\a & b\\nixwsl.exe", "wsl", "--disk", "D:\\my \"d\\isk\\", "<&>");

  /** In the place of schtasks.exe: a folder of definitions, and prose that nobody may read. */
  private static final String PROGRAM =
      """
      #!/bin/sh
      dir=${0%/*}
      echo "$1 $2 $3" >> "$dir/calls"
      [ ! -e "$dir/broken" ] || { echo 'FEHLER: Dienst nicht verfügbar.' >&2; exit 1; }
      case "$1 $2" in
        '/Create /TN') [ "$6" = /F ] && cp "$5" "$dir/$3.task" && echo 'ERFOLGREICH: angelegt.' ;;
        '/Query /TN') cat "$dir/$3.task" || { echo 'FEHLER: nicht gefunden.' >&2; exit 1; } ;;
        '/Query /FO') echo '"\\\\Anderes","N/V","Bereit"' ;;
        '/Delete /TN') [ "$4" = /F ] && rm "$dir/$3.task" ;;
        '/Run /TN') [ -e "$dir/$3.task" ] ;;
        *) exit 1 ;;
      esac
      """;

  @TempDir Path scratch;
  private Path folder;

  @BeforeEach
  void putProgramInPlace() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: sh is missing");
    folder = Files.createDirectories(scratch.resolve("fake"));
    Path program = Files.writeString(folder.resolve("schtasks"), PROGRAM);
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void installsATaskThatRunsAsTheUserAndNotElevated() throws Exception {
    Task task = tasks("jürgen").install(MOUNT, COMMAND);
    assertThat(task).isEqualTo(new Task(name("jürgen"), true, true));
    byte[] bytes = Files.readAllBytes(folder.resolve(name("jürgen") + ".task"));
    assertThat(bytes).startsWith(0xff, 0xfe);
    String xml = new String(bytes, 2, bytes.length - 2, StandardCharsets.UTF_16LE);
    Document document = TaskDefinition.parse(xml);
    assertThat(text(document, "UserId")).isEqualTo("PC\\jürgen");
    assertThat(text(document, "LogonType")).isEqualTo("InteractiveToken");
    assertThat(text(document, "RunLevel")).isEqualTo("LeastPrivilege");
    assertThat(text(document, "Command")).isEqualTo(COMMAND.get(0));
    assertThat(text(document, "Arguments"))
        .isEqualTo("\"wsl\" \"--disk\" \"D:\\my \\\"d\\isk\\\\\" \"<&>\"");
    assertThat(document.getElementsByTagName("LogonTrigger").getLength()).isEqualTo(1);
    try (var left = Files.list(scratch.resolve("private"))) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void findsRunsAndRemovesIt() {
    LogonTasks tasks = tasks("sam");
    assertThat(tasks.query(MOUNT)).isEmpty();
    assertThat(tasks.remove(MOUNT)).isFalse();
    fails(ErrorCode.NOT_FOUND, () -> tasks.runNow(MOUNT));
    tasks.install(MOUNT, COMMAND);
    assertThat(tasks.query(MOUNT)).isPresent();
    assertThat(tasks("another").query(MOUNT)).isEmpty();
    tasks.runNow(MOUNT);
    assertThat(tasks.remove(MOUNT)).isTrue();
    assertThat(tasks.query(MOUNT)).isEmpty();
  }

  @Test
  void seesThatATaskWasMadeToRunElevatedOrSwitchedOff() throws IOException {
    LogonTasks tasks = tasks("sam");
    tasks.install(MOUNT, COMMAND);
    Path definition = folder.resolve(name("sam") + ".task");
    String xml = Files.readString(definition, StandardCharsets.UTF_16LE);
    Files.writeString(
        definition, xml.replace("LeastPrivilege", "HighestAvailable"), StandardCharsets.UTF_16LE);
    assertThat(tasks.query(MOUNT)).contains(new Task(name("sam"), true, false));
    Files.writeString(
        definition,
        xml.replace("<Enabled>true", "<Enabled>false").replace("\uFEFF", ""),
        StandardCharsets.UTF_8);
    assertThat(tasks.query(MOUNT)).contains(new Task(name("sam"), false, true));
  }

  @Test
  void aSchedulerThatDoesNotAnswerIsNotTakenForNoTask() throws IOException {
    Files.createFile(folder.resolve("broken"));
    assertThatThrownBy(() -> tasks("sam").query(MOUNT)).isInstanceOf(CommandException.class);
  }

  @Test
  void neverInstallsForSystem() {
    for (String user : List.of("SYSTEM", "PC$", "", "system")) {
      fails(ErrorCode.ACCESS_DENIED, () -> tasks(user).install(MOUNT, COMMAND));
    }
    assertThat(folder.resolve("calls")).doesNotExist();
  }

  @Test
  void refusesWordsThatTheSchedulerWouldChange() {
    for (String word : List.of("%TEMP%\\x", "100%", "$(Arg0)", "a\nb")) {
      fails(
          ErrorCode.BAD_SETTING,
          () -> tasks("sam").install(MOUNT, List.of("C:\\nixwsl.exe", word)));
    }
  }

  private static String name(String user) {
    return NAME.replace("j_rgen", user);
  }

  private LogonTasks tasks(String user) {
    return new LogonTasks(
        new ProcessRunner(),
        folder.resolve("schtasks").toString(),
        Map.of("USERNAME", user, "USERDOMAIN", "PC"),
        () -> Files.createDirectories(scratch.resolve("private")));
  }

  private static String text(Document document, String element) {
    return document.getElementsByTagName(element).item(0).getTextContent();
  }

  private static void fails(ErrorCode code, Runnable call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
