package org.nixwsl.storage.testkit.boot;

import static org.nixwsl.storage.testkit.boot.BootImage.host;
import static org.nixwsl.storage.testkit.boot.BootImage.resource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.wait.strategy.AbstractWaitStrategy;

/**
 * One running instance: a container whose root is a small ext4 file system of its own, laid over
 * the image, so that it has a UUID, can be full, and can be restored. Like WSL it starts PID 1 with
 * one variable and no {@code PATH}.
 */
final class Instance implements AutoCloseable {
  private final NixContainer container;
  private final String root;

  Instance(String image, Path share, String root, String disk, String preparation)
      throws IOException {
    this.root = root;
    String nodes = node(root) + (disk.isEmpty() ? "" : "; " + node(disk));
    container =
        new NixContainer(image)
            .sharingMounts(share, "/mnt/wsl")
            .withCommand(
                "bash",
                "-c",
                resource("start.sh")
                    .replace("@nodes@", nodes)
                    .replace("@root@", root)
                    .replace("@preparation@", preparation));
    container.waitingFor(
        new AbstractWaitStrategy() {
          @Override
          protected void waitUntilReady() {
            // A row looks at the boot itself.
          }
        });
    container.start();
  }

  /** The command that shows a device inside: WSL's instances have all of them. */
  static String node(String device) {
    return "mknod " + device + " b 7 " + device.replaceAll("\\D", "");
  }

  /** The device of its root disk. */
  String root() {
    return root;
  }

  /** Waits until the boot is over. */
  void settled() throws Exception {
    inside(
        "for _ in $(seq 600); do"
            + " case $(systemctl is-system-running 2> /dev/null) in running | degraded) exit 0 ;; esac;"
            + " sleep 0.1; done; exit 1");
  }

  /** Waits until the boot is over, and says how it went. */
  Map<String, String> facts() throws Exception {
    settled();
    Map<String, String> facts = new LinkedHashMap<>();
    for (String line : inside(resource("facts.sh")).lines().toList()) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        facts.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    return facts;
  }

  /** Runs a script, to which the systems are variables, and wants it to succeed. */
  String inside(String script) throws Exception {
    ExecResult result = run(script);
    if (result.getExitCode() != 0) {
      throw new AssertionError(
          script + "\n" + result.getExitCode() + ": " + result.getStdout() + result.getStderr());
    }
    return result.getStdout();
  }

  ExecResult run(String script) throws Exception {
    return container.execInContainer("bash", "-c", ". /etc/test-systems; " + script);
  }

  /** As {@code nixos-rebuild} does: first the profile, then the system's own program. */
  String rebuild(String system, String action) throws Exception {
    return inside(rebuilding(system, action));
  }

  static String rebuilding(String system, String action) {
    String switching = "$" + system + "/bin/switch-to-configuration " + action;
    return action.equals("test")
        ? switching
        : "nix-env -p /nix/var/nix/profiles/system --set $" + system + "; " + switching;
  }

  /** What {@code wsl --terminate} comes to: all processes end at once. */
  void terminate() {
    host("docker", "kill", container.getContainerId());
    host("docker", "wait", container.getContainerId());
  }

  void start() {
    host("docker", "start", container.getContainerId());
  }

  void restart() {
    terminate();
    start();
  }

  /** A shutdown by its own systemd. */
  void powerOff() throws Exception {
    inside("systemctl poweroff");
    host("docker", "wait", container.getContainerId());
  }

  @Override
  public void close() {
    container.close();
  }
}
