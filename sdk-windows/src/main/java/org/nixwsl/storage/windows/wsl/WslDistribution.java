package org.nixwsl.storage.windows.wsl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A row of {@code wsl --list --verbose}.
 *
 * @param name as WSL knows it
 * @param state what it is doing
 * @param version 1 or 2
 * @param isDefault whether it is the one that {@code wsl} without a name starts
 */
public record WslDistribution(String name, State state, int version, boolean isDefault) {
  /** What WSL allows; the first character is ours, so that no name can be read as an option. */
  private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9._][a-zA-Z0-9._-]{0,254}");

  private static final Pattern BLANKS = Pattern.compile("\\s+");

  /** The states that WSL prints. */
  public enum State {
    /** It does not run. */
    STOPPED,
    /** It runs. */
    RUNNING,
    /** It is being installed. */
    INSTALLING,
    /** It is being removed. */
    UNINSTALLING,
    /** It is being converted to the other version of WSL. */
    CONVERTING,
    /** It is being written to a file. */
    EXPORTING,
    /** A word that is not known: the WSL that came with Windows 10 translates them. */
    OTHER
  }

  /** Refuses a name that WSL would not have given. */
  public WslDistribution {
    requireName(name);
  }

  /** The name, if it is one. */
  public static String requireName(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException("Not the name of a WSL instance: '" + name + "'");
    }
    return name;
  }

  /**
   * Whether an instance is a part of another program and no system of a user: Docker's and
   * Rancher's have neither the tools to look at a disk nor the share in its usual place.
   */
  public static boolean belongsToAProgram(String name) {
    return name.startsWith("docker-desktop") || name.startsWith("rancher-desktop");
  }

  /** The rows of the table below its header; what is no row is left out. */
  public static List<WslDistribution> parse(String table) {
    List<WslDistribution> rows = new ArrayList<>();
    boolean header = true;
    for (String line : table.lines().filter(l -> !l.isBlank()).toList()) {
      // A name has no blanks; a translated state may.
      String[] words = BLANKS.split(line.replaceFirst("^\\s*\\*?\\s*", "").strip(), -1);
      String version = words[words.length - 1];
      if (!header
          && words.length >= 3
          && version.matches("[12]")
          && NAME.matcher(words[0]).matches()) {
        rows.add(
            new WslDistribution(
                words[0],
                state(words[1]),
                Integer.parseInt(version),
                line.stripLeading().startsWith("*")));
      }
      header = false;
    }
    return rows;
  }

  private static State state(String word) {
    return Arrays.stream(State.values())
        .filter(state -> state.name().equals(word.toUpperCase(Locale.ROOT)))
        .findFirst()
        .orElse(State.OTHER);
  }
}
