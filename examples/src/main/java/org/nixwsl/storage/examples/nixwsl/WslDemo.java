package org.nixwsl.storage.examples.nixwsl;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.testkit.nixos.MiniNixos;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;

/**
 * The main job as on Windows: two instances of a simulated WSL, each a container with a systemd and
 * a Nix of its own, are moved to one disk, run from it, and one of them is taken back. What a user
 * would do on Windows is done by this program itself, as a process with the simulator in the place
 * of {@code wsl.exe}.
 */
final class WslDemo {
  private static final List<String> INSTANCES = List.of("nixos-one", "nixos-two");

  private final Output output;
  private final DemoTable table;

  WslDemo(Output output) {
    this.output = output;
    this.table = new DemoTable(output);
  }

  /** Does everything, prints the table, and tells whether everything was proven. */
  boolean run() throws IOException {
    InstanceImage base = requireImage();
    InstanceImage image =
        table.step(
            "make a small NixOS",
            () -> MiniNixos.image(base),
            made -> made.name() + ", its system built by Nix");
    try (SimulatedWsl wsl = SimulatedWsl.withContainers(image)) {
      Path disk = wsl.folder().resolve("shared.vhdx");
      for (String instance : INSTANCES) {
        wsl.addInstance(instance);
        table.step(
            "start " + instance,
            () -> inside(wsl, instance, "cat /proc/1/comm"),
            first -> "PID 1 is " + first.strip());
      }
      for (String instance : INSTANCES) {
        move(wsl, instance, disk);
        proveBoot(wsl, instance, "disk");
      }
      for (String instance : INSTANCES) {
        askNix(wsl, instance);
      }
      restartWindows(wsl, disk);
      String first = INSTANCES.get(0);
      String second = INSTANCES.get(1);
      String built =
          table.step(
              "build in " + second,
              () ->
                  inside(
                          wsl,
                          second,
                          "echo made on the disk >/root/built && nix-store --add /root/built")
                      .strip(),
              path -> path);
      table.step(
          "take " + second + " back",
          () -> cli(wsl, "migrate", "rollback", "--instance", second, "--disk", disk.toString()),
          report ->
              report.get("broughtBack") instanceof Map<?, ?> back
                  ? "brought back: "
                      + back.get("paths")
                      + " path of "
                      + back.get("bytes")
                      + " bytes"
                  : "brought back: nothing");
      proveBoot(wsl, second, "unarmed");
      askFor(wsl, second, built);
      proveBoot(wsl, first, "disk");
      List<String> accidents = wsl.ask(WslMachine::accidents);
      table.prove(accidents.isEmpty());
      accidents.forEach(output::note);
    }
    table.print(true, "Each instance runs from where it should, with every path as Nix knows it.");
    return table.proven();
  }

  private static InstanceImage requireImage() {
    Optional<InstanceImage> base = InstanceImage.ofTheEnvironment();
    List<String> why =
        base.map(SimulatedWsl::containersRefusals)
            .orElse(List.of("NIXWSL_TEST_IMAGE is missing; ./dev demo sets it"));
    if (!why.isEmpty()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.UNSUPPORTED_PLATFORM,
              "There is no simulated WSL with containers here: " + String.join(" ", why) + ".",
              "Call ./dev setup as root on Linux, or the demonstration without --wsl."));
    }
    return base.orElseThrow();
  }

  private void move(SimulatedWsl wsl, String instance, Path disk) throws IOException {
    Map<String, Object> report =
        table.step(
            "move " + instance,
            () ->
                cli(
                    wsl,
                    "migrate",
                    "run",
                    "--instance",
                    instance,
                    "--disk",
                    disk.toString(),
                    "--size",
                    "64G",
                    "--config-dir",
                    "/etc/nixos",
                    "--switch",
                    "--restart"),
            r -> r.get("paths") + " paths, " + r.get("bytes") + " bytes, each proven");
    table.add("  old store stood still", millis(report, "downtimeMillis"), "");
    table.add("  restart", millis(report, "restartMillis"), "through the hook before systemd");
  }

  private static Duration millis(Map<String, Object> report, String name) {
    return report.get(name) instanceof Number n ? Duration.ofMillis(n.longValue()) : Duration.ZERO;
  }

  /** By what its hook wrote, and by the mount itself. */
  private void proveBoot(SimulatedWsl wsl, String instance, String expected) throws IOException {
    table.step(
        "look at " + instance,
        () -> {
          Map<String, Object> boot = parse(inside(wsl, instance, "cat /run/nix-storage/boot.json"));
          String nix = inside(wsl, instance, "findmnt -n -o FSROOT --mountpoint /nix || true");
          boolean onDisk = nix.strip().equals("/" + instance);
          table.prove(expected.equals(boot.get("decision")) && onDisk == expected.equals("disk"));
          return boot;
        },
        boot -> boot.get("decision") + ": " + boot.get("reason"));
  }

  private void askNix(SimulatedWsl wsl, String instance) throws IOException {
    table.step(
        "ask Nix in " + instance,
        () -> run(wsl, instance, "nix-store --verify --check-contents").exit(),
        status -> {
          table.prove(status == 0);
          return "nix-store --verify --check-contents " + (status == 0 ? "agrees" : "DISAGREES");
        });
  }

  /** What was built on the disk is on the root disk. */
  private void askFor(SimulatedWsl wsl, String instance, String path) throws IOException {
    table.step(
        "ask " + instance + " for it",
        () -> run(wsl, instance, "nix-store --check-validity " + path + " && cat " + path),
        answer -> {
          table.prove(answer.exit() == 0 && answer.text().equals("made on the disk\n"));
          return "valid, and says: " + answer.text().strip();
        });
    askNix(wsl, instance);
  }

  private void restartWindows(SimulatedWsl wsl, Path disk) throws IOException {
    table.step(
        "restart Windows",
        () -> {
          wsl.change(WslMachine::reboot);
          return cli(wsl, "wsl", "ensure", "--disk", disk.toString());
        },
        mounted -> "the disk is attached again, as at each logon");
    for (String instance : INSTANCES) {
      proveBoot(wsl, instance, "disk");
    }
  }

  private static WslOutput run(SimulatedWsl wsl, String instance, String script) {
    return wsl.call("-d", instance, "--exec", "/bin/sh", "-c", script);
  }

  private static String inside(SimulatedWsl wsl, String instance, String script)
      throws IOException {
    WslOutput answer = run(wsl, instance, script);
    if (answer.exit() != 0) {
      throw new IOException(script + " in " + instance + ": " + answer.text() + answer.errors());
    }
    return answer.text();
  }

  /** This program, in a process of its own with the simulator in the place of wsl.exe. */
  private Map<String, Object> cli(SimulatedWsl wsl, String... words) throws IOException {
    List<String> command = new ArrayList<>(PersistCommand.thisProgram());
    command.addAll(List.of(words));
    command.add("--json");
    output.note("$ nixwsl " + String.join(" ", words));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("NIXWSL_WSL", wsl.executable().toString());
    builder.environment().put("NIXWSL_SCHTASKS", wsl.schtasks().toString());
    // Where the SDK keeps its locks and notes on Windows.
    Path notes = Files.createDirectories(wsl.folder().resolve("local"));
    builder.environment().put("LOCALAPPDATA", notes.toString());
    Process process = builder.start();
    process.getOutputStream().close();
    String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      int status = process.waitFor();
      if (status != NixWsl.OK) {
        throw new IOException("nixwsl " + String.join(" ", words) + " ended with " + status);
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return parse(answer);
  }

  private static Map<String, Object> parse(String json) throws IOException {
    return JSON.std.mapFrom(json);
  }
}
