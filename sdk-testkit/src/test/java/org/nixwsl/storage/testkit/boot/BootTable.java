package org.nixwsl.storage.testkit.boot;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * The rows that were looked at, and where they are not as expected. Each row is checked for what
 * holds at every boot: one whole {@code /nix} of one device, no mount that leaks, no Nix in a
 * rescue boot, a report in JSON, and no link of the root disk without its target. Thread-safe.
 */
final class BootTable {
  private static final Set<String> REPORT =
      Set.of("version", "decision", "reason", "findings", "source", "storageId");
  private static final Pattern STORE = Pattern.compile("/nix/store/[0-9a-z]{32}-");
  private static final String LINE = "%-9s %-68s %-8s %-8s %-7s %s";

  private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
  private final List<String> deviations = Collections.synchronizedList(new ArrayList<>());
  private final Set<String> invariants = Collections.synchronizedSet(new TreeSet<>());

  /**
   * Looks at a boot.
   *
   * @param about the invariants of the design that the row is about, with spaces, or empty
   */
  Map<String, String> row(
      BootMachine machine, String about, String name, Instance instance, Expected expected)
      throws Exception {
    Map<String, String> facts;
    try {
      facts = instance.facts();
    } catch (AssertionError e) { // its PID 1 has ended, for instance
      add(about, name, expected.decision(), "dead", "", String.valueOf(e.getMessage()));
      throw e;
    }
    List<String> wrong = new ArrayList<>();
    Map<String, Object> report = report(facts, wrong);
    String said = String.valueOf(report.get("reason"));
    String got = String.valueOf(report.get("decision"));
    add(about, name, expected.decision(), got, facts.getOrDefault("system", ""), said);
    if (!said.contains(expected.reason())) {
      wrong.add("the reason lacks '" + expected.reason() + "': " + said);
    }
    String findings =
        report.get("findings") instanceof List<?> list
            ? String.join(",", list.stream().map(String::valueOf).toList())
            : "none";
    if (!findings.equals(expected.findings())) {
      wrong.add("the findings are '" + findings + "', not '" + expected.findings() + "'");
    }
    boolean rescue = expected.decision().equals("rescue");
    boolean disk = expected.decision().equals("disk");
    check(facts, "state", "running", wrong);
    check(facts, "system", expected.system(), wrong);
    check(facts, "running", expected.system(), wrong);
    check(facts, "shim", expected.shim(), wrong);
    check(facts, "where", disk ? "disk-" + expected.directory() : "root-disk", wrong);
    check(facts, "nix", disk ? "/" + expected.directory() : "", wrong);
    check(facts, "active", disk ? "/mnt/wsl/nixstorage/" + expected.directory() : "", wrong);
    check(facts, "lease", disk ? "held" : facts.getOrDefault("lease", ""), wrong);
    check(facts, "mixed", "", wrong);
    check(facts, "dangling", "", wrong);
    check(facts, "daemon", rescue ? "inactive inactive refused" : "active active answers", wrong);
    check(facts, "notice", rescue ? "Reason: " + said : "", wrong);
    check(facts, "views", "", wrong);
    check(facts, "mounts", String.join(" ", machine.mounts()), wrong);
    if (!Set.copyOf(machine.mounts()).stream().allMatch(BootTable::known)
        || Set.copyOf(machine.mounts()).size() != machine.mounts().size()) {
      wrong.add("mounts leak to the host: " + machine.mounts());
    }
    wrong.forEach(text -> deviations.add(name + ": " + text));
    return facts;
  }

  /** A row about something else than a boot. */
  void expect(String about, String name, String expected, String got, String reason) {
    add(about, name, expected, got, "", reason);
  }

  private void add(
      String about, String name, String expected, String got, String system, String reason) {
    lines.add(
        String.format(
            LINE, about, STORE.matcher(name).replaceAll(""), expected, got, system, reason));
    invariants.addAll(about.isEmpty() ? List.of() : List.of(about.split(" ", -1)));
    if (!expected.equals(got)) {
      deviations.add(name + ": expected " + expected + ", got " + got + " (" + reason + ")");
    }
  }

  /** What was not as expected; empty when all was. */
  List<String> deviations() {
    return List.copyOf(deviations);
  }

  /** The invariants that some row was about. */
  Set<String> invariants() {
    return Set.copyOf(invariants);
  }

  @Override
  public String toString() {
    return String.join("\n", lines);
  }

  static String header() {
    return String.format(LINE, "about", "row", "expected", "got", "system", "reason");
  }

  private static boolean known(String mount) {
    return Set.of("/mnt/wsl", "/mnt/wsl/nixstorage", "/mnt/wsl/elsewhere").contains(mount);
  }

  private static Map<String, Object> report(Map<String, String> facts, List<String> wrong) {
    String text = facts.getOrDefault("json", "");
    try {
      Map<String, Object> report = JSON.std.mapFrom(text);
      if (!report.keySet().equals(REPORT)) {
        wrong.add("boot.json has the keys " + report.keySet());
      }
      return report;
    } catch (IOException e) {
      wrong.add("boot.json is no JSON: " + text);
      return Map.of();
    }
  }

  private static void check(
      Map<String, String> facts, String key, String expected, List<String> wrong) {
    if (!expected.equals(facts.get(key))) {
      wrong.add(key + " is '" + facts.get(key) + "', not '" + expected + "'");
    }
  }
}
