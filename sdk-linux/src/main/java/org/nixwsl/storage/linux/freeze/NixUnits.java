package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The units of this machine that use the store, and what a freeze does with each.
 *
 * @param stopped to be stopped, timers and sockets first, as they start the services
 * @param blocked to be kept from starting
 * @param restarted to be started again afterwards, sockets before services
 * @param awaited run, are not stopped in the middle, and have to end first
 */
record NixUnits(
    List<String> stopped, List<String> blocked, List<String> restarted, List<String> awaited) {
  /** Where a unit file beats all others; emptied by a restart (systemd.unit(5)). */
  private static final Path CONTROL = Path.of("/run/systemd/system.control");

  private static final Path NULL = Path.of("/dev/null");

  /**
   * Nix and Determinate Nix as their installers and NixOS name them; Lix has a unit for each
   * connection, which is an instance of a template; the rest is NixOS and our own module.
   */
  private static final List<String> PATTERNS =
      List.of(
          "nix-daemon.socket",
          "nix-daemon.service",
          "nix-daemon@*.service",
          "lix-daemon*.socket",
          "lix-daemon*.service",
          "determinate-nixd.socket",
          "determinate-nixd.service",
          "nix-gc.timer",
          "nix-gc.service",
          "nix-optimise.timer",
          "nix-optimise.service",
          "nixos-upgrade.timer",
          "nixos-upgrade.service",
          "nix-storage-verify.timer",
          "nix-storage-verify.service");

  /** Stopped in the middle it would leave a system half switched. */
  private static final Set<String> LEFT_TO_END = Set.of("nixos-upgrade.service");

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9:_.@-]+\\.[a-z]+");

  private static final List<String> ORDER = List.of(".timer", ".path", ".socket", ".service");

  NixUnits {
    stopped = List.copyOf(stopped);
    blocked = List.copyOf(blocked);
    restarted = List.copyOf(restarted);
    awaited = List.copyOf(awaited);
  }

  /** The names that systemd is asked for. */
  static List<String> patterns(List<String> more) {
    List<String> all = new ArrayList<>(PATTERNS);
    all.addAll(more);
    return all;
  }

  /**
   * Decides from what systemd lists.
   *
   * @param files lines of {@code list-unit-files}: name, state
   * @param loaded lines of {@code list-units}: name, load state, active state
   */
  static NixUnits of(List<String> files, List<String> loaded) {
    TreeSet<String> blocked = new TreeSet<>();
    for (String line : files) {
      String[] fields = line.strip().split(" +", -1);
      if (fields.length >= 2 && !fields[1].startsWith("masked") && isName(fields[0])) {
        blocked.add(fields[0]);
      }
    }
    TreeMap<String, String> states = new TreeMap<>();
    for (String line : loaded) {
      String[] fields = line.strip().split(" +", -1);
      if (fields.length >= 3 && fields[1].equals("loaded") && isName(fields[0])) {
        states.put(fields[0], fields[2]);
        if (!isInstance(fields[0])) {
          blocked.add(fields[0]);
        }
      }
    }
    List<String> stopped = new ArrayList<>();
    List<String> restarted = new ArrayList<>();
    List<String> awaited = new ArrayList<>();
    states.forEach(
        (unit, state) -> {
          boolean down = state.equals("inactive") || state.equals("failed");
          if (LEFT_TO_END.contains(unit)) {
            if (!down) {
              awaited.add(unit);
            }
          } else if (!isInstance(unit) && !down) { // an instance is a client's: it ends by itself
            stopped.add(unit);
            if (state.equals("active")) {
              restarted.add(unit);
            }
          }
        });
    stopped.sort(Comparator.comparingInt(NixUnits::order));
    // The timers last, and sockets before the services that take them over.
    restarted.sort(
        Comparator.comparing((String unit) -> unit.endsWith(".timer"))
            .thenComparingInt(NixUnits::order));
    return new NixUnits(stopped, new ArrayList<>(blocked), restarted, awaited);
  }

  /**
   * Leaves out of the blocked units those that are blocked in the same way already, by someone
   * else, who will undo it.
   *
   * @throws EnvironmentException {@code FREEZE_FAILED} if another file is in that place
   */
  NixUnits lessBlocked() throws IOException {
    List<String> rest = new ArrayList<>();
    for (String unit : blocked) {
      Path file = CONTROL.resolve(unit);
      if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
        rest.add(unit);
      } else if (!Files.isSymbolicLink(file) || !Files.readSymbolicLink(file).equals(NULL)) {
        throw new EnvironmentException(
            Problem.of(
                ErrorCode.FREEZE_FAILED,
                "Cannot keep " + unit + " from starting: " + file + " is there already.",
                "Remove it, run `systemctl daemon-reload`, and call again."));
      }
    }
    return new NixUnits(stopped, rest, restarted, awaited);
  }

  private static boolean isName(String text) {
    return NAME.matcher(text).matches() && !text.startsWith("-");
  }

  /** {@code name@instance.type}, but not the template {@code name@.type}. */
  private static boolean isInstance(String unit) {
    int at = unit.indexOf('@');
    return at >= 0 && unit.charAt(at + 1) != '.';
  }

  private static int order(String unit) {
    return ORDER.indexOf(unit.substring(unit.lastIndexOf('.')));
  }
}
