package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.testkit.Damage;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.StoreFixture;

class CommandLineTest {
  @Test
  void wrongUsageExitsWith2() {
    assertThat(Cli.run().exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx").exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "create", "x.vhdx").exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "create", "x.vhdx", "--size", "big").exitCode())
        .isEqualTo(NixWsl.USAGE);
    assertThat(
            Cli.run("migrate", "plan", "--instance", "../evil", "--directory", "/tmp").exitCode())
        .isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("store", "verify", "/", "--threads", "0").exitCode())
        .isEqualTo(NixWsl.USAGE);
    for (String withoutConfiguration : List.of("--switch", "--restart")) {
      Cli plan =
          Cli.run("migrate", "plan", "--instance", "x", "--directory", "/", withoutConfiguration);
      assertThat(plan.exitCode()).isEqualTo(NixWsl.USAGE);
      assertThat(plan.err()).contains("configDirectory");
    }
  }

  @Test
  void aNewDiskIsDescribedInCamelCaseWithIntegers(@TempDir Path folder) {
    Cli created = Cli.run("vhdx", "create", folder.resolve("x.vhdx"), "--size", "2T", "--json");
    assertThat(created.exitCode()).isZero();
    assertThat(created.json())
        .containsEntry("type", "dynamic")
        .containsEntry("virtualSize", 2L << 40)
        .containsEntry("blockSize", 1 << 20)
        .containsEntry("log", "clean")
        .containsKeys("diskId", "dataWriteGuid", "creator", "fileSize", "logEntries");
    assertThat(created.json().get("blocks"))
        .isEqualTo(
            Map.of(
                "fullyPresent", 0,
                "partiallyPresent", 0,
                "zero", 0,
                "unmapped", 0,
                "notPresent", 2 << 20,
                "undefined", 0));

    Cli checked = Cli.run("vhdx", "check", folder.resolve("x.vhdx"), "--json");
    assertThat(checked.exitCode()).isZero();
    assertThat(checked.json()).isEqualTo(Map.of("status", "clean", "findings", List.of()));
  }

  @Test
  void readingBeyondTheDiskIsWrongUsage(@TempDir Path folder) {
    Path disk = folder.resolve("x.vhdx");
    Cli.run("vhdx", "create", disk, "--size", "4M");
    assertThat(Cli.run("vhdx", "read", disk, "--offset", "5M").exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "read", disk, "--offset", "3M", "--length", "2M").exitCode())
        .isEqualTo(NixWsl.USAGE);
  }

  @Test
  void whatIsWrittenToADiskIsReadBackAndTooMuchIsWrongUsage(@TempDir Path folder)
      throws IOException {
    Path disk = folder.resolve("x.vhdx");
    Cli.run("vhdx", "create", disk, "--size", "4M");
    byte[] bytes = new byte[3 << 20];
    Arrays.fill(bytes, (byte) 'w');
    Cli written =
        withInput(bytes, () -> Cli.run("vhdx", "write", disk, "--offset", "1M", "--json"));
    assertThat(written.exitCode()).isZero();
    assertThat(written.json()).isEqualTo(Map.of("offset", 1 << 20, "bytes", 3 << 20));
    assertThat(Cli.run("vhdx", "inspect", disk, "--json").json().get("blocks"))
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .containsEntry("fullyPresent", 3)
        .containsEntry("notPresent", 1);
    Cli tooMuch = withInput(bytes, () -> Cli.run("vhdx", "write", disk, "--offset", "2M"));
    assertThat(tooMuch.exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "write", disk).exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "write", disk, "--offset", "5M").exitCode()).isEqualTo(NixWsl.USAGE);
  }

  @Test
  void aDamagedHeaderIsRepaired(@TempDir Path folder) throws IOException {
    Path disk = folder.resolve("x.vhdx");
    Cli.run("vhdx", "create", disk, "--size", "4M");
    byte[] bytes = Files.readAllBytes(disk);
    bytes[64 << 10] = 0;
    Files.write(disk, bytes);
    Cli repaired = Cli.run("vhdx", "repair", disk, "--json");
    assertThat(repaired.exitCode()).isZero();
    assertThat(repaired.json())
        .isEqualTo(
            Map.of(
                "replayedLogEntries", 0, "headerRewritten", true, "regionTableRewritten", false));
    assertThat(Cli.run("vhdx", "repair", disk).out()).contains("nothing to repair");
  }

  @Test
  void copiesADiskAndTellsItsDigest(@TempDir Path folder) throws Exception {
    Path disk = folder.resolve("x.vhdx");
    Path copy = folder.resolve("y.vhdx");
    Cli.run("vhdx", "create", disk, "--size", "4M");
    withInput(new byte[] {1, 2, 3}, () -> Cli.run("vhdx", "write", disk, "--offset", "2M"));
    Cli copied = Cli.run("vhdx", "copy", disk, copy, "--new-identity", "--json");
    assertThat(copied.exitCode()).isZero();
    assertThat(copied.json()).containsEntry("dataBytes", 1 << 20);
    assertThat((String) copied.json().get("contentsDigest")).matches("[0-9a-f]{64}");
    assertThat(Cli.run("vhdx", "check", copy).exitCode()).isZero();
    assertThat(Cli.run("vhdx", "copy", disk, copy).exitCode()).isEqualTo(NixWsl.FAILED);
    assertThat(Cli.run("vhdx", "copy", disk).exitCode()).isEqualTo(NixWsl.USAGE);
    assertThat(Cli.run("vhdx", "inspect", copy).out()).contains("host attributes");
  }

  @Test
  void aDiskIsResizedAndCompacted(@TempDir Path folder) throws IOException {
    Path disk = folder.resolve("x.vhdx");
    Cli.run("vhdx", "create", disk, "--size", "8M");
    byte[] bytes = new byte[3 << 20];
    Arrays.fill(bytes, 0, 1 << 20, (byte) 'w');
    withInput(bytes, () -> Cli.run("vhdx", "write", disk, "--offset", "5M"));
    assertThat(Cli.run("vhdx", "resize", disk, "--size", "4M").err())
        .contains("VHDX_WOULD_LOSE_DATA");
    assertThat(Cli.run("vhdx", "resize", disk, "--size", "6M", "--json").exitCode())
        .isEqualTo(NixWsl.OK);
    assertThat(Cli.run("vhdx", "resize", disk, "--size", "16M", "--json").json())
        .containsEntry("virtualSize", 16 << 20);
    Cli compacted = Cli.run("vhdx", "compact", disk, "--json");
    assertThat(compacted.exitCode()).isEqualTo(NixWsl.OK);
    assertThat(compacted.json())
        .containsOnlyKeys("fileSizeBefore", "fileSize", "zeroBlocks", "movedBlocks")
        .containsEntry("fileSize", 5 << 20);
    assertThat(Cli.run("vhdx", "resize", disk, "--size", "4M", "--allow-data-loss").out())
        .contains("4.0 MiB");
  }

  @Test
  void aFixedDiskIsMadeAndNotCompacted(@TempDir Path folder) {
    Path disk = folder.resolve("x.vhdx");
    assertThat(Cli.run("vhdx", "create", disk, "--size", "4M", "--fixed", "--json").json())
        .containsEntry("type", "fixed")
        .containsEntry("fileSize", 8 << 20);
    Cli compacted = Cli.run("vhdx", "compact", disk);
    assertThat(compacted.exitCode()).isEqualTo(NixWsl.FAILED);
    assertThat(compacted.err()).contains("VHDX_UNSUPPORTED");
  }

  private static Cli withInput(byte[] bytes, Supplier<Cli> run) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(bytes));
    try {
      return run.get();
    } finally {
      System.setIn(before);
    }
  }

  @Test
  void aHealthyStoreExitsWith0AndADamagedOneWith1() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"),
        "skipped: Linux, where stores are, is missing");
    try (ScratchDirectory scratch = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-test-")) {
      StoreFixture store =
          StoreFixture.create(Files.createDirectory(scratch.path().resolve("root")), 3);

      Cli healthy = Cli.run("store", "verify", store.root(), "--json");
      assertThat(healthy.exitCode()).isZero();
      assertThat(healthy.json()).containsEntry("status", "ok").containsEntry("findings", List.of());

      String damaged = store.damage(Damage.FLIP_BYTE).paths().iterator().next();
      Cli verified = Cli.run("store", "verify", store.root(), "--level", "contents", "--json");
      assertThat(verified.exitCode()).isEqualTo(NixWsl.FINDINGS);
      assertThat(verified.json()).containsEntry("status", "damaged");
      assertThat(verified.out()).contains(damaged).contains("\"modified\"");
    }
  }

  @Test
  void theModuleIsPrintedAsItIs() {
    Cli rendered =
        Cli.run(
            "config",
            "render",
            "--instance",
            "nixos",
            "--storage-id",
            "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");
    assertThat(rendered.exitCode()).isZero();
    assertThat(rendered.out()).contains("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10").endsWith("}\n");
  }
}
