package org.nixwsl.storage.testkit.boot;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.UUID;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.core.nixconf.NixModuleRenderer;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.nixos.MiniNixos;
import org.testcontainers.containers.Container.ExecResult;

/**
 * What all rows start from: the container image of an instance whose root disk has been switched to
 * the module, and the shared disk, to which Nix has copied newer systems, one directory for each of
 * two instances. Root only.
 */
final class BootImage implements AutoCloseable {
  static final UUID DISK = UUID.fromString("c3b0f0de-9f6a-4f3e-8a52-1f8c0a6c9d01");
  private static final UUID ID = UUID.fromString("6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10");

  /**
   * Long enough for a disk that comes five seconds late; shorter than in the field, to save time.
   */
  private static final int WAIT_SECONDS = 7;

  private final ScratchDirectory work;
  private final String image;

  BootImage() throws Exception {
    work = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-boot-");
    image = "nixwsl-boot-table:" + ProcessHandle.current().pid();
    try {
      prepare();
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private void prepare() throws Exception {
    render("main", "nix-storage.nix");
    render("peer", "nix-storage-peer.nix");
    for (String name : new String[] {"mini-nixos.nix", "stub.nix"}) {
      Files.writeString(work.path().resolve(name), MiniNixos.text(name));
    }
    Files.writeString(work.path().resolve("prepare.sh"), resource("prepare.sh"));
    try (NixContainer builder = new NixContainer().sharing(work.path(), "/image")) {
      builder.start();
      ExecResult built = builder.execInContainer("bash", "/image/prepare.sh");
      if (built.getExitCode() != 0) {
        throw new AssertionError(built.getStdout() + built.getStderr());
      }
      host("docker", "commit", builder.getContainerId(), image);
    }
    Path tree = Files.createDirectories(work.path().resolve("tree"));
    for (String instance : new String[] {"main", "peer"}) {
      Files.move(work.path().resolve(instance).resolve("nix"), tree.resolve(instance));
      Files.writeString(tree.resolve(instance).resolve(".nix-storage-id"), ID + "\n");
    }
    host("truncate", "-s", "64M", disk().toString());
    host("mkfs.ext4", "-q", "-U", DISK.toString(), "-d", tree.toString(), disk().toString());
  }

  private void render(String instance, String file) throws IOException {
    Files.writeString(
        work.path().resolve(file),
        new NixModuleRenderer()
            .render(
                NixModuleSettings.builder()
                    .instance(InstanceName.of(instance))
                    .storageId(ID)
                    .fileSystemUuid(DISK)
                    .waitSeconds(WAIT_SECONDS)
                    .build()));
  }

  /** The name of the container image. */
  String name() {
    return image;
  }

  /** The shared disk as the rows find it, to be copied. */
  Path disk() {
    return work.path().resolve("disk.img");
  }

  /** The file that says which store path each system is. */
  Path systems() {
    return work.path().resolve("systems");
  }

  static String host(String... argv) {
    return Operation.quiet(
        String.join(" ", argv),
        operation ->
            new ProcessRunner()
                .runOk(Command.of(argv).within(Duration.ofMinutes(2)), operation)
                .text());
  }

  static String resource(String name) throws IOException {
    try (InputStream in = BootImage.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public void close() throws IOException {
    host("docker", "image", "rm", "--force", image);
    work.close();
  }
}
