package org.nixwsl.storage.testkit.wsl.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.wsl.contract.WslUnderTest.Answer;
import org.nixwsl.storage.testkit.wsl.contract.WslUnderTest.Content;

/** Instances and the command line: {@code UnitTests.cpp} and others, named at the tests. */
interface InstanceContract extends ContractBase {
  private List<String> run(String... argv) {
    return ok(Stream.concat(
                Stream.of("-d", machine().instance(), "-u", "root", "--exec"), Stream.of(argv))
            .toArray(String[]::new))
        .out()
        .lines()
        .toList();
  }

  /** UnitTests ErrorMessages. */
  @Test
  default void anUnknownInstanceIsNotFound() {
    fails("Wsl/Service/WSL_E_DISTRO_NOT_FOUND", "-d", "DoesNotExist", "--exec", "/bin/true");
    fails("Wsl/Service/WSL_E_DISTRO_NOT_FOUND", "--manage", "DoesNotExist", "--move", "x");
  }

  /** UnitTests ErrorMessages. */
  @Test
  default void anInstanceWithoutItsFileDoesNotStart() throws IOException {
    Files.move(machine().instanceDisk(), machine().folder().resolve("elsewhere.vhdx"));
    fails(
        "Wsl/Service/CreateInstance/MountDisk/HCS/ERROR_PATH_NOT_FOUND",
        "-d",
        machine().instance(),
        "--exec",
        "/bin/true");
  }

  /** UnitTests ErrorMessages. */
  @Test
  default void valuesThatAreNoneAreInvalidArguments() {
    String name = machine().instance();
    fails("Wsl/E_INVALIDARG", "--manage", name, "--resize", "many");
    fails("Wsl/E_INVALIDARG", "--manage", name, "--set-sparse", "perhaps");
    fails("Wsl/E_INVALIDARG", "--mount", "x", "--no-such-option");
    fails("Wsl/E_INVALIDARG", "--mount", "x", "--name");
    fails("Wsl/E_INVALIDARG", "--export", name, "x", "--format", "zip");
    fails("Wsl/E_INVALIDARG", "--exec");
  }

  /** A line that makes no sense prints the usage and no code. */
  @Test
  default void aLineWithoutSensePrintsTheUsage() {
    for (List<String> line :
        List.of(
            List.of("--mount"),
            List.of("--list", "--quiet", "--verbose"),
            List.of("--manage", machine().instance()),
            List.of("--import-in-place", "x"))) {
      Answer answer = machine().wsl(line);
      assertEquals(-1, answer.exit(), line::toString);
      assertFalse(answer.out().contains("Wsl/"), answer::out);
    }
  }

  /** The status of a program is the status of the call, but for two. */
  @Test
  default void theStatusOfAProgramIsPassedOn() {
    String name = machine().instance();
    ok("-d", name, "--exec", "/bin/true");
    assertEquals(1, wsl("-d", name, "--exec", "/bin/false").exit());
    assertEquals(42, wsl("-d", name, "--exec", "/bin/sh", "-c", "exit 42").exit());
    for (String status : List.of("67", "87")) {
      assertEquals(-1, wsl("-d", name, "--exec", "/bin/sh", "-c", "exit " + status).exit());
    }
  }

  /** UnitTests ExecEmptyArg. */
  @Test
  default void argumentsReachTheProgramAsTheyAre() {
    assertEquals(List.of("a   c"), run("/bin/echo", "a ", "", "c"));
  }

  /** What a program prints is not touched. */
  @Test
  default void theOutputOfAProgramHasTheLineEndsOfLinux() {
    Answer answer = ok("-d", machine().instance(), "--exec", "/bin/echo", "é");
    assertEquals("é\n", answer.out());
  }

  /** A name is found in any spelling of its letters. */
  @Test
  default void namesOfInstancesDoNotCountUpperAndLowerCase() {
    ok("-d", machine().instance().toUpperCase(Locale.ROOT), "--exec", "/bin/true");
  }

  /** The forms of the list. */
  @Test
  default void theListHasItsFormsInEveryLanguage() {
    String name = machine().instance();
    ok("--terminate", name);
    Answer none = wsl("--list", "--running");
    assertFalse(none.out().contains(name));
    assertFalse(ok("--list", "--running", "--quiet").out().lines().toList().contains(name));
    run("/bin/true");
    assertTrue(ok("--list", "--running", "--quiet").out().lines().toList().contains(name));
    assertTrue(ok("-l", "-q").out().lines().toList().contains(name));
    List<String> table = ok("--list", "--verbose").out().lines().toList();
    assertTrue(table.get(0).matches("  NAME +STATE +VERSION"), table::toString);
    assertTrue(
        table.stream().anyMatch(row -> row.matches("[* ] " + name + " +Running +2")),
        table::toString);
  }

  /** A machine without an instance says so, without a code. */
  @Test
  default void aListOfNothingHasNoCode() {
    machine().withoutInstances();
    Answer answer = wsl("--list", "--verbose");
    assertEquals(-1, answer.exit());
    assertFalse(answer.out().contains("Wsl/"), answer::out);
  }

  /** The first number is the one of WSL. */
  @Test
  default void theVersionIsTheFirstNumber() {
    String first = ok("--version").out().lines().findFirst().orElse("");
    assertTrue(first.matches(".*[^0-9][0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+"), first);
    ok("--status");
  }

  /** SharedMountSurvivesDistroTermination. */
  @Test
  default void aMountSurvivesTheEndOfAnInstance() {
    assumeTrue(machine().atLeast(2, 9, 8), "skipped: WSL guards its share from 2.9.8 on");
    ok("--mount", machine().disk(Content.EXT4).toString(), "--vhd", "--name", "testmount");
    run("/bin/true");
    ok("--terminate", machine().instance());
    assertTrue(isShared("testmount"));
  }

  /** Ending what does not run succeeds. */
  @Test
  default void endingWhatDoesNotRunSucceeds() {
    ok("--terminate", machine().instance());
    ok("--terminate", machine().instance());
    ok("--shutdown");
    ok("--shutdown", "--force");
  }

  /** CorruptedVhd. */
  @Test
  default void aDamagedInstanceSaysSo() {
    machine().corruptInstance();
    fails(
        "Wsl/Service/CreateInstance/WSL_E_DISK_CORRUPTED",
        "-d",
        machine().instance(),
        "--exec",
        "/bin/true");
  }

  /** CorruptedVhd. */
  @Test
  default void anInstanceWhoseFileIsHeldDoesNotStart() {
    machine().held(machine().instanceDisk(), true);
    fails(
        "Wsl/Service/CreateInstance/MountDisk/HCS/ERROR_SHARING_VIOLATION",
        "-d",
        machine().instance(),
        "--exec",
        "/bin/true");
  }

  /** A start on a file that is attached for the user is refused, and the other way round not. */
  @Test
  default void aDiskOfAnInstanceIsNotTwoThings() {
    String disk = machine().instanceDisk().toString();
    ok("--mount", disk, "--vhd", "--bare");
    fails(
        "Wsl/Service/CreateInstance/WSL_E_USER_VHD_ALREADY_ATTACHED",
        "-d",
        machine().instance(),
        "--exec",
        "/bin/true");
    ok("--unmount", disk);
    run("/bin/true");
    fails("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND", "--unmount", disk);
  }

  /** Move. */
  @Test
  default void anInstanceIsMovedWhenTheMachineHasLetGoOfIt() {
    String name = machine().instance();
    Path target = machine().folder().resolve("moved");
    run("/bin/true");
    fails("Wsl/Service/WSL_E_DISTRO_NOT_STOPPED", "--manage", name, "--move", target.toString());
    ok("--shutdown");
    ok("--manage", name, "--move", target.toString());
    assertEquals(target, machine().instanceDisk().getParent());
    run("/bin/true");
  }

  /** Resize. */
  @Test
  default void anInstanceIsResizedWhenItsDiskIsDetached() {
    String name = machine().instance();
    run("/bin/true");
    ok("--terminate", name);
    fails("Wsl/Service/WSL_E_DISTRO_NOT_STOPPED", "--manage", name, "--resize", "2GB");
    ok("--shutdown");
    ok("--manage", name, "--resize", "2GB");
    fails("Wsl/Service/E_FAIL", "--manage", name, "--resize", "1B");
    run("/bin/true");
  }

  /** SimpleTests CheckSparse. */
  @Test
  default void aDiskBecomesSparseOnlyWhenItIsInsistedOn() {
    String name = machine().instance();
    ok("--shutdown");
    fails("Wsl/Service/E_INVALIDARG", "--manage", name, "--set-sparse", "true");
    ok("--manage", name, "--set-sparse", "true", "--allow-unsafe");
    ok("--manage", name, "--set-sparse", "false");
  }

  /** ManageRejectedWhileLocked. */
  @Test
  default void anInstanceThatIsExportedRefusesOtherWork() {
    assumeTrue(machine().atLeast(2, 9, 5), "skipped: not before WSL 2.9.5");
    machine().lockInstance();
    String name = machine().instance();
    fails("Wsl/Service/E_ILLEGAL_STATE_CHANGE", "--manage", name, "--resize", "2GB");
    fails("Wsl/Service/E_ILLEGAL_STATE_CHANGE", "-d", name, "--exec", "/bin/true");
  }

  /** ExportImportVhd. */
  @Test
  default void anInstanceIsExportedAndImportedAsADisk() {
    String name = machine().instance();
    String file = machine().folder().resolve("exported.vhdx").toString();
    ok("--shutdown");
    ok("--export", name, file, "--format", "vhd");
    String copy = name + "-copy";
    ok("--import", copy, machine().folder().resolve("copy").toString(), file, "--vhd");
    assertEquals(List.of("x"), List.of(ok("-d", copy, "--exec", "/bin/echo", "x").out().strip()));
    ok("--unregister", copy);
    ok("--import-in-place", copy, file);
    ok("-d", copy, "--exec", "/bin/true");
    ok("--unregister", copy);
    assertFalse(Files.exists(Path.of(file)));
  }

  /** A disk that the virtual machine still holds is not exported. */
  @Test
  default void aDiskIsNotExportedWhileTheMachineHoldsIt() {
    run("/bin/true");
    Path file = machine().folder().resolve("exported.vhdx");
    fails(
        "Wsl/Service/ERROR_SHARING_VIOLATION",
        "--export",
        machine().instance(),
        file.toString(),
        "--format",
        "vhd");
    assertFalse(Files.exists(file));
  }

  /** ImportExportStdout, and the form without a disk. */
  @Test
  default void anInstanceIsExportedAndImportedAsAnArchive() {
    String name = machine().instance();
    String file = machine().folder().resolve("exported.tar").toString();
    ok("--export", name, file);
    String copy = name + "-copy";
    String folder = machine().folder().resolve("copy").toString();
    ok("--import", copy, folder, file, "--version", "2");
    assertTrue(ok("--list", "--quiet").out().lines().toList().contains(copy));
    ok("--unregister", copy);
    assertTrue(ok("--export", name, "-").out().length() >= 1024);
    Answer wrong = wsl("--import", copy, folder + "2", folder + "/ext4.vhdx");
    assertEquals(-1, wrong.exit());
    assertFalse(wrong.out().contains("Wsl/"), wrong::out);
  }
}
