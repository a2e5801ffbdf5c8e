package org.nixwsl.storage.core.nixwire;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.nixwsl.storage.config.ConfigFinding;
import org.nixwsl.storage.config.ConfigFinding.Basis;
import org.nixwsl.storage.config.ConfigFinding.Rule;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.core.nixwire.NixLexer.Kind;
import org.nixwsl.storage.core.nixwire.NixLexer.Token;

/**
 * Our own rules for a configuration that boots from the shared disk. On a text they see what is
 * written in the plain form, {@code fileSystems."/nix" = …}, and not what functions or other files
 * make; on the evaluated configuration they see all.
 */
final class ConfigRules {
  /**
   * The least {@code initTimeout} in milliseconds: the hook may wait 15 s before systemd starts.
   */
  static final int LEAST_INIT_TIMEOUT = 40_000;

  /**
   * Gives the names of broken rules as words, each with what breaks it after an equals sign. It
   * judges in Nix, so that only words of ours come back.
   */
  static final String EXPRESSION =
      """
      { configuration }:
      let
        config = (import <nixpkgs/nixos> { configuration = /. + configuration; }).config;
        wslConf = config.wsl.wslConf or { };
        boot = wslConf.boot or { };
        isStore = where: builtins.elem where [ "/nix" "/nix/" "/nix/store" "/nix/store/" ];
        units = (config.systemd.mounts or [ ]) ++ (config.systemd.automounts or [ ]);
        word = name: if builtins.match "[A-Za-z0-9_]+" name != null then name else "other";
        keys = builtins.concatMap
          (section: map (key: "KEY=${word section}.${word key}") (builtins.attrNames wslConf.${section}))
          (builtins.filter (section: builtins.isAttrs wslConf.${section}) (builtins.attrNames wslConf));
      in
      builtins.concatStringsSep " " (
        builtins.filter (word: word != "") (
          [
            (if builtins.any (f: isStore (f.mountPoint or "")) (builtins.attrValues (config.fileSystems or { }))
              then "STORE_IN_FILE_SYSTEMS" else "")
            (if builtins.any (u: isStore (u.where or "")) units
              || builtins.any (name: (config.systemd.units or { }) ? ${name})
                [ "nix.mount" "nix.automount" "nix-store.mount" "nix-store.automount" ]
              then "STORE_MOUNT_UNIT" else "")
            (if builtins.isString (boot.command or null) && builtins.match ".*mount.*/nix.*" boot.command != null
              then "STORE_MOUNT_COMMAND" else "")
            (if (wslConf.automount or { }).mountFsTab or false then "MOUNT_FSTAB" else "")
            (if boot.initTimeout or null == null || boot.initTimeout < %d then "INIT_TIMEOUT" else "")
          ] ++ keys
        )
      )
      """
          .formatted(LEAST_INIT_TIMEOUT);

  private static final Set<String> STORE =
      Set.of("\"/nix\"", "\"/nix/\"", "\"/nix/store\"", "\"/nix/store/\"");

  /** What systemd calls units that mount these. */
  private static final Set<String> STORE_UNITS =
      Set.of(
          "\"nix.mount\"", "\"nix.automount\"", "\"nix-store.mount\"", "\"nix-store.automount\"");

  private ConfigRules() {}

  /** What the words of {@link #EXPRESSION} mean. */
  static List<ConfigFinding> evaluated(String words) {
    List<ConfigFinding> findings = new ArrayList<>();
    for (String word : words.split(" ", -1)) {
      if (word.startsWith("KEY=")) {
        String[] name = word.substring(4).split("\\.", 2);
        if (WslConfOption.find(name[0], name[1]).isEmpty()) {
          findings.add(
              finding(
                  Rule.UNKNOWN_WSL_CONF_KEY, Basis.EVALUATED, "wsl.wslConf." + word.substring(4)));
        }
      } else if (!word.isEmpty()) {
        Rule rule = Rule.valueOf(word);
        findings.add(finding(rule, Basis.EVALUATED, option(rule)));
      }
    }
    return findings;
  }

  /** What can be seen in the text of a file. */
  static List<ConfigFinding> inText(String file, byte[] text) {
    List<Token> code =
        NixLexer.tokens(text).orElse(List.of()).stream()
            .filter(t -> t.kind() != Kind.COMMENT)
            .toList();
    List<String> words = code.stream().map(t -> NixLexer.text(text, t)).toList();
    List<ConfigFinding> findings = new ArrayList<>();
    int fileSystems = -1; // the depth of the names in fileSystems = { … }
    for (int i = 0; i < code.size(); i++) {
      Token token = code.get(i);
      if (token.kind() == Kind.CLOSE && token.depth() == fileSystems - 1) {
        fileSystems = -1;
      }
      String word = words.get(i);
      String where = file + ":" + line(text, token.start());
      if (word.equals("fileSystems") && at(words, i + 1, "=") && at(words, i + 2, "{")) {
        fileSystems = token.depth() + 1;
      }
      boolean named = i >= 2 && at(words, i - 1, ".") && at(words, i - 2, "fileSystems");
      boolean listed =
          fileSystems == token.depth() && (at(words, i - 1, "{") || at(words, i - 1, ";"));
      boolean asMountPoint = at(words, i - 1, "=") && at(words, i - 2, "mountPoint");
      if (STORE.contains(word) && (named || listed || asMountPoint)) {
        findings.add(finding(Rule.STORE_IN_FILE_SYSTEMS, Basis.TEXT, where));
      }
      boolean asPlace = at(words, i - 1, "=") && at(words, i - 2, "where");
      if (STORE_UNITS.contains(word) || (STORE.contains(word) && asPlace)) {
        findings.add(finding(Rule.STORE_MOUNT_UNIT, Basis.TEXT, where));
      }
      if (word.equals("command") && at(words, i + 1, "=") && mountsTheStore(words, i + 2)) {
        findings.add(finding(Rule.STORE_MOUNT_COMMAND, Basis.TEXT, where));
      }
      if (word.equals("mountFsTab") && at(words, i + 1, "=") && at(words, i + 2, "true")) {
        findings.add(finding(Rule.MOUNT_FSTAB, Basis.TEXT, where));
      }
      if (word.equals("initTimeout") && at(words, i + 1, "=") && tooShort(words, i + 2)) {
        findings.add(finding(Rule.INIT_TIMEOUT, Basis.TEXT, where));
      }
      if (word.equals("wslConf") && unknownKey(code, words, i)) {
        findings.add(finding(Rule.UNKNOWN_WSL_CONF_KEY, Basis.TEXT, where));
      }
    }
    return findings;
  }

  static ConfigFinding finding(Rule rule, Basis basis, String where) {
    return new ConfigFinding(rule, basis, where, message(rule));
  }

  private static boolean tooShort(List<String> words, int i) {
    if (i + 1 >= words.size() || !words.get(i + 1).equals(";")) {
      return false; // an expression; only its evaluation knows
    }
    String number = words.get(i);
    if (number.equals("null")) {
      return true; // WSL then takes its own 10 s
    }
    return number.matches("[0-9]{1,9}") && Integer.parseInt(number) < LEAST_INIT_TIMEOUT;
  }

  private static boolean mountsTheStore(List<String> words, int i) {
    return i < words.size()
        && words.get(i).startsWith("\"")
        && words.get(i).contains("mount")
        && words.get(i).contains("/nix");
  }

  /** Sees {@code wslConf.section.key =}. */
  private static boolean unknownKey(List<Token> code, List<String> words, int i) {
    return at(words, i + 1, ".")
        && at(words, i + 3, ".")
        && at(words, i + 5, "=")
        && code.get(i + 2).kind() == Kind.WORD
        && code.get(i + 4).kind() == Kind.WORD
        && WslConfOption.find(words.get(i + 2), words.get(i + 4)).isEmpty();
  }

  private static boolean at(List<String> words, int i, String word) {
    return i >= 0 && i < words.size() && words.get(i).equals(word);
  }

  private static int line(byte[] text, int offset) {
    int line = 1;
    for (int i = 0; i < offset; i++) {
      if (text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n')) {
        line++;
      }
    }
    return line;
  }

  private static String option(Rule rule) {
    return switch (rule) {
      case STORE_IN_FILE_SYSTEMS -> "fileSystems";
      case STORE_MOUNT_UNIT -> "systemd.mounts";
      case STORE_MOUNT_COMMAND -> "wsl.wslConf.boot.command";
      case MOUNT_FSTAB -> "wsl.wslConf.automount.mountFsTab";
      case INIT_TIMEOUT -> "wsl.wslConf.boot.initTimeout";
      case UNKNOWN_WSL_CONF_KEY, MODULE_NOT_IMPORTED -> "wsl.wslConf";
    };
  }

  private static String message(Rule rule) {
    return switch (rule) {
      case STORE_IN_FILE_SYSTEMS ->
          "fileSystems must not have /nix or /nix/store: the module puts /nix in place before"
              + " systemd starts. Remove the entry.";
      case STORE_MOUNT_UNIT ->
          "No unit may mount /nix or /nix/store: the module puts /nix in place before systemd"
              + " starts. Remove the unit.";
      case STORE_MOUNT_COMMAND ->
          "boot.command must not mount /nix: WSL runs it beside the start of systemd, in no order with"
              + " it. Remove that part of the command.";
      case MOUNT_FSTAB ->
          "mountFsTab has to be false: WSL would mount before the disk can be there.";
      case INIT_TIMEOUT ->
          "initTimeout has to be at least "
              + LEAST_INIT_TIMEOUT
              + " ms: a boot may wait 15 s for the disk before systemd starts.";
      case UNKNOWN_WSL_CONF_KEY -> "WSL knows no such key in wsl.conf and ignores it.";
      case MODULE_NOT_IMPORTED ->
          "No .nix file of the directory names nix-storage.nix: add it to the imports.";
    };
  }
}
