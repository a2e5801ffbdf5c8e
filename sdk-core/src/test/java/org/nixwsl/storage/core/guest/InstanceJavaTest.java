package org.nixwsl.storage.core.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.platform.ScriptShell;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;

/** The script that looks for a Java, with programs that only look like java and nix. */
@EnabledOnOs(OS.LINUX)
class InstanceJavaTest {
  private static final String WITH_FLAKES = "build --out-link ";

  @TempDir private Path folder;
  private Path bin;
  private Path link;
  private Path calls;

  @BeforeEach
  void nothingButTools() throws IOException {
    bin = Files.createDirectory(folder.resolve("bin"));
    link = folder.resolve("run/nixwsl/guest-java");
    calls = folder.resolve("calls");
    for (String tool : List.of("sed", "tail", "mkdir", "ln", "cat")) {
      Path at = Path.of("/usr/bin", tool);
      Files.createSymbolicLink(
          bin.resolve(tool), Files.exists(at) ? at : Path.of("/bin").resolve(tool));
    }
  }

  @Test
  void theOneThatWasConfiguredIsTaken() throws IOException {
    Path configured = java(folder.resolve("it's a jdk"), "openjdk version \"21.0.2\" 2024-01-16");
    assertThat(find(configured.toString())).contains(configured.toString());
  }

  @Test
  void noOtherIsTakenForOneThatWasConfiguredAndDoesNotDo() throws IOException {
    java(bin, "openjdk version \"21.0.2\"");
    Path old = java(folder.resolve("old"), "java version \"1.8.0_402\"");
    missing(old.toString(), old + " is not Java 17 or newer");
    missing("/nowhere/java", "/nowhere/java is not Java 17 or newer");
  }

  @Test
  void theOneOnThePathIsTakenAndNixIsNotAsked() throws IOException {
    Path java = java(bin, "openjdk version \"17\" 2021-09-14");
    nix("nix", "exit 1");
    assertThat(find()).contains(java.toString());
    assertThat(calls).doesNotExist();
  }

  @Test
  void nixBringsOneWhereThePathHasNoneOrAnOldOneAndItIsKeptByALink() throws IOException {
    Path brought = folder.resolve("store/jdk");
    java(brought.resolve("bin"), "openjdk version \"21.0.2\"");
    java(bin, "openjdk version \"11.0.2\"");
    nix("nix", "ln -s " + brought + " \"$3\"; echo fetched >&2");

    assertThat(find()).contains(link + "/bin/java");
    assertThat(link).isSymbolicLink();
    assertThat(calls).hasContent("nix " + WITH_FLAKES + link + " nixpkgs#jdk_headless");
    assertThat(find()).contains(link + "/bin/java");
    assertThat(Files.readAllLines(calls)).as("it is not fetched twice").hasSize(1);
  }

  @Test
  void whereFlakesAreOffTheChannelsBringOne() throws IOException {
    Path brought = folder.resolve("store/jdk");
    java(brought.resolve("bin"), "openjdk version \"21.0.2\"");
    nix("nix", "echo \"error: experimental Nix feature 'nix-command' is disabled\" >&2; exit 1");
    nix("nix-build", "ln -s " + brought + " \"$5\"");

    assertThat(find()).contains(link + "/bin/java");
    assertThat(Files.readAllLines(calls))
        .last()
        .isEqualTo("nix-build <nixpkgs> -A jdk_headless --out-link " + link);
  }

  @Test
  void whatNixComplainsAboutIsInTheError() throws IOException {
    nix("nix", "echo 'error: no flakes' >&2; exit 1");
    nix("nix-build", "echo \"error: file 'nixpkgs' was not found\" >&2; exit 1");
    missing("", "error: no flakes error: file 'nixpkgs' was not found");
  }

  @Test
  void withoutJavaAndNixTheErrorSaysWhatToDo() {
    missing("", "neither java nor nix");
  }

  @Test
  void aProgramThatReadsItsInputDoesNotEatTheScript() throws IOException {
    Path greedy = folder.resolve("greedy");
    script(greedy.resolve("java"), "cat >/dev/null; echo 'openjdk version \"17.0.1\"' >&2");
    assertThat(find(greedy.resolve("java").toString())).contains(greedy + "/java");
  }

  private void missing(String configured, String why) {
    assertThatThrownBy(() -> find(configured))
        .isInstanceOfSatisfying(
            EnvironmentException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.TOOL_MISSING);
              assertThat(e.remedy()).contains("Java 17").contains("NIXWSL_GUEST_JAVA");
            })
        .hasMessageContaining(why)
        .hasMessageContaining("this instance");
  }

  private Optional<String> find() {
    return find("");
  }

  private Optional<String> find(String configured) {
    InstanceJava java =
        new InstanceJava(
            new ScriptShell(),
            Optional.of(configured).filter(c -> !c.isEmpty()),
            bin.toString(),
            link.toString());
    return Operation.quiet("find Java", java::find);
  }

  private static Path java(Path folder, String version) throws IOException {
    script(folder.resolve("java"), "echo '" + version + "' >&2");
    return folder.resolve("java");
  }

  /** A program that notes how it was called. */
  private void nix(String name, String script) throws IOException {
    script(bin.resolve(name), "echo \"" + name + " $*\" >>" + calls + "\n" + script);
  }

  private static void script(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + text + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }
}
