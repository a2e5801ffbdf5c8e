package org.nixwsl.storage.testkit.wsl.command;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;

/**
 * The rest of a line after a verb. An option's value is the next word whatever it is, {@code --}
 * ends the options, and the other words may stand anywhere.
 */
final class Arguments {
  private final Map<String, String> options = new LinkedHashMap<>();
  private final List<String> words = new ArrayList<>();

  /**
   * Reads a line.
   *
   * @param valued options with a value, as {@code name=aliases}, parted by blanks
   * @param flags options without one
   */
  static Arguments parse(List<String> line, String valued, String flags) throws WslFailure {
    Map<String, String> names = new LinkedHashMap<>();
    for (String spec : (valued + " " + flags).strip().split(" +", -1)) {
      String[] aliases = spec.split("=", -1);
      for (String alias : aliases) {
        names.put(alias, aliases[0]);
      }
    }
    List<String> withValue = List.of(valued.split("[ =]+", -1));
    Arguments parsed = new Arguments();
    boolean open = true;
    for (int i = 0; i < line.size(); i++) {
      String word = line.get(i);
      if (!open || !word.startsWith("-") || word.equals("-")) {
        parsed.words.add(word);
      } else if (word.equals("--")) {
        open = false;
      } else if (withValue.contains(word)) {
        if (++i == line.size()) {
          throw new WslFailure("Wsl/E_INVALIDARG");
        }
        parsed.options.put(names.getOrDefault(word, word), line.get(i));
      } else if (names.containsKey(word)) {
        parsed.options.put(names.getOrDefault(word, word), "");
      } else {
        parsed.bundle(word, names, withValue);
      }
    }
    return parsed;
  }

  /** Several short flags in one word. */
  private void bundle(String word, Map<String, String> names, List<String> withValue)
      throws WslFailure {
    if (word.startsWith("--") || word.length() < 3) {
      throw new WslFailure("Wsl/E_INVALIDARG");
    }
    for (char letter : word.substring(1).toCharArray()) {
      String flag = "-" + letter;
      if (!names.containsKey(flag) || withValue.contains(flag)) {
        throw new WslFailure("Wsl/E_INVALIDARG");
      }
      options.put(names.getOrDefault(flag, flag), "");
    }
  }

  boolean has(String option) {
    return options.containsKey(option);
  }

  Optional<String> value(String option) {
    return Optional.ofNullable(options.get(option));
  }

  String value(String option, String otherwise) {
    return options.getOrDefault(option, otherwise);
  }

  int count(String... names) {
    int count = 0;
    for (String name : names) {
      count += has(name) ? 1 : 0;
    }
    return count;
  }

  /** The words that are no options, of which there must be so many; else it is a usage error. */
  List<String> words(int count) throws WslFailure {
    if (words.size() != count) {
      throw usage();
    }
    return words;
  }

  static WslFailure usage() {
    return new WslFailure("Wsl/WSL_E_INVALID_USAGE");
  }
}
