package org.nixwsl.storage.testkit.container;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.PropagationMode;
import com.github.dockerjava.api.model.SELContext;
import com.github.dockerjava.api.model.Volume;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.ShellStrategy;
import org.testcontainers.utility.DockerImageName;

/**
 * A container whose PID 1 is a real systemd and which has Nix and Java: an instance, seen from Nix.
 * Its image is named by the variable {@code NIXWSL_TEST_IMAGE}; {@code ./dev test} builds one from
 * the host's packages, and an image made from a NixOS-WSL tarball serves as well. It has no
 * network.
 *
 * <p>The caller starts and closes it. Not thread-safe.
 */
public final class NixContainer extends GenericContainer<NixContainer> {
  private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);

  /**
   * What systemd and a bind on {@code /nix} need; a privileged container is not possible
   * everywhere.
   */
  private static final Capability[] CAPABILITIES = {
    Capability.SYS_ADMIN,
    Capability.NET_ADMIN,
    Capability.SYS_PTRACE,
    Capability.MKNOD,
    Capability.DAC_READ_SEARCH,
    Capability.SYS_CHROOT,
    Capability.SYS_NICE,
    Capability.IPC_LOCK
  };

  /**
   * Loop devices (Linux, {@code major.h}): disks of a test, once a node is made for them inside.
   */
  private static final int LOOP_MAJOR = 7;

  private final List<Bind> binds = new ArrayList<>();

  /** A container of the image that the environment names. */
  public NixContainer() {
    this(imageName().orElseThrow());
  }

  /** A container of an image that was made from the one that the environment names. */
  public NixContainer(String image) {
    super(DockerImageName.parse(image));
    withImagePullPolicy(name -> false);
    withCreateContainerCmdModifier(
        command -> {
          HostConfig host = new UnmaskedHostConfig();
          host.withCapAdd(CAPABILITIES)
              .withSecurityOpts(List.of("seccomp=unconfined", "apparmor=unconfined"))
              .withCgroupnsMode("private")
              .withNetworkMode("none")
              .withTmpFs(Map.of("/run", "exec", "/tmp", "exec"))
              .withDeviceCgroupRules(List.of("b " + LOOP_MAJOR + ":* rwm"))
              .withBinds(binds);
          command.withHostConfig(host);
        });
    waitingFor(
        new ShellStrategy()
            .withCommand("systemctl is-system-running | grep -qx running")
            .withStartupTimeout(BOOT_LIMIT));
  }

  /** Why no such container can be started on this machine; empty when one can. */
  public static Optional<String> whyUnavailable() {
    Optional<String> image = imageName();
    if (image.isEmpty()) {
      return Optional.of("skipped: NIXWSL_TEST_IMAGE is missing; ./dev test sets it");
    }
    if (!DockerClientFactory.instance().isDockerAvailable()) {
      return Optional.of("skipped: a Docker engine is missing");
    }
    boolean there =
        DockerClientFactory.instance().client().listImagesCmd().exec().stream()
            .flatMap(i -> i.getRepoTags() == null ? Stream.empty() : Stream.of(i.getRepoTags()))
            .anyMatch(tag -> tag.equals(image.get()));
    return there
        ? Optional.empty()
        : Optional.of("skipped: the image " + image.get() + " is missing");
  }

  /** Shows a file or directory of the host inside, read-only, under the same name. */
  public NixContainer showing(Path path) {
    binds.add(Bind.parse(path + ":" + path + ":ro"));
    return this;
  }

  /** Shows a directory of the host inside, writable, under another name. */
  public NixContainer sharing(Path host, String inside) {
    binds.add(new Bind(host.toString(), new Volume(inside)));
    return this;
  }

  /**
   * Shows a directory of the host inside with all that is mounted there, now and later: the share
   * of WSL. The directory has to be a shared mount.
   */
  public NixContainer sharingMounts(Path host, String inside) {
    binds.add(
        new Bind(
            host.toString(),
            new Volume(inside),
            AccessMode.rw,
            SELContext.none,
            null,
            PropagationMode.SHARED));
    return this;
  }

  private static Optional<String> imageName() {
    return Optional.ofNullable(System.getenv("NIXWSL_TEST_IMAGE")).filter(name -> !name.isBlank());
  }

  /** docker-java has no setter for the paths that an engine hides from a container by default. */
  private static final class UnmaskedHostConfig extends HostConfig {
    private static final long serialVersionUID = 1L;

    @Override
    public Map<String, Object> getRawValues() {
      return Map.of("MaskedPaths", List.of(), "ReadonlyPaths", List.of());
    }
  }
}
