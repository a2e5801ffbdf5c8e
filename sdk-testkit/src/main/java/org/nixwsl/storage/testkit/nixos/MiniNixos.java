package org.nixwsl.storage.testkit.nixos;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.wsl.real.InstanceImage;

/**
 * An image whose instances are like an installed NixOS-WSL, seen from the storage: a store with a
 * real Nix, a system profile whose system is built by Nix, {@code /sbin/init} that leads into that
 * system and from there to a real systemd, a configuration in {@code /etc/nixos}, and a {@code
 * nixos-rebuild} that builds and switches to what the configuration says: the storage's module, if
 * it is imported, is evaluated, and its hook and seed are put in place. All else of a configuration
 * is not looked at, and there are no flakes.
 */
public final class MiniNixos {
  private static final List<String> FILES =
      List.of(
          "prepare.sh",
          "nixos-rebuild",
          "configuration.nix",
          "system.nix",
          "modules.nix",
          "nixpkgs.nix",
          "mini-nixos.nix",
          "stub.nix");

  private static final Duration LIMIT = Duration.ofMinutes(5);

  private MiniNixos() {}

  /**
   * The image, made of another one unless that was done before: a second then. It stays in the
   * engine, under a tag that begins with {@code nixwsl-mini-nixos}.
   *
   * @param base with systemd and Nix, such as the one that {@code ./dev setup} builds
   */
  public static InstanceImage image(InstanceImage base) {
    return Operation.quiet(
        "make the image of a NixOS", operation -> image(base, new ProcessRunner(), operation));
  }

  private static InstanceImage image(
      InstanceImage base, ProcessRunner processes, Operation operation)
      throws IOException, InterruptedException {
    String number =
        docker(processes, operation, "image", "inspect", "--format={{.Id}}", base.name());
    String tag = "nixwsl-mini-nixos:" + digest(number);
    Command look = Command.of("docker", "image", "inspect", tag);
    if (processes.run(look, operation).exitCode() == 0) {
      return InstanceImage.of(tag);
    }
    try (ScratchDirectory files = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-mini-nixos-")) {
      for (String name : FILES) {
        Files.writeString(files.path().resolve(name), text(name));
      }
      String container = String.valueOf(files.path().getFileName());
      try {
        docker(
            processes,
            operation,
            "run",
            "--pull=never",
            "--network=none",
            "--name=" + container,
            "--volume=" + files.path() + ":/prepare:ro",
            "--entrypoint=/bin/bash",
            base.name(),
            "/prepare/prepare.sh");
        docker(processes, operation, "commit", container, tag);
      } finally {
        docker(processes, operation, "rm", "--force", "--volumes", container);
      }
    }
    return InstanceImage.of(tag);
  }

  private static String docker(ProcessRunner processes, Operation operation, String... words)
      throws IOException, InterruptedException {
    List<String> argv = new ArrayList<>(List.of("docker"));
    argv.addAll(List.of(words));
    return processes.runOk(Command.of(argv).within(LIMIT), operation).text().strip();
  }

  /**
   * A file that the system is built from.
   *
   * @param name such as {@code mini-nixos.nix}, which {@code stub.nix} goes with
   */
  public static String text(String name) throws IOException {
    try (InputStream in = Objects.requireNonNull(MiniNixos.class.getResourceAsStream(name), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String digest(String base) throws IOException {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(base.getBytes(StandardCharsets.UTF_8));
      for (String name : FILES) {
        sha256.update(text(name).getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(sha256.digest()).substring(0, 12);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}
