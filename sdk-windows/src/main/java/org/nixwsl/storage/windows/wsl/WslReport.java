package org.nixwsl.storage.windows.wsl;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The one part of a failure message of {@code wsl.exe} that is the same in every language: where it
 * failed and the symbol of the error, such as {@code Wsl/Service/AttachDisk/HCS/E_ACCESSDENIED}.
 *
 * @param contexts the steps it was in, outermost first; never empty
 * @param symbol the name of the error, or {@code 0x} and its number where WSL has no name for it
 */
public record WslReport(List<String> contexts, String symbol) {
  /**
   * The lines of mere warnings do not begin with {@code Wsl}. The bound on the number of steps,
   * which are 40 in WSL's source of which an error has at most six, keeps hostile output from
   * filling the stack of the matcher.
   */
  private static final Pattern LINE =
      Pattern.compile(
          "\\b(Wsl(?:g|Config)?(?:/[A-Za-z?()0-9]{1,40}){0,16})/([A-Z][A-Z0-9_]{1,80}|0x[0-9a-fA-F]{1,16})\\b");

  /** Copies the list. */
  public WslReport {
    contexts = List.copyOf(contexts);
  }

  /** The last one in an output, which is the one that counts; prose around it is ignored. */
  public static Optional<WslReport> in(String output) {
    Optional<WslReport> last = Optional.empty();
    Matcher matcher = LINE.matcher(output);
    while (matcher.find()) {
      last = Optional.of(new WslReport(List.of(matcher.group(1).split("/", -1)), matcher.group(2)));
    }
    return last;
  }

  /** Whether WSL was in that step. */
  public boolean within(String context) {
    return contexts.contains(context);
  }

  /** What is known about the error. */
  public Optional<WslError> error() {
    return WslError.of(symbol);
  }

  @Override
  public String toString() {
    return String.join("/", contexts) + "/" + symbol;
  }
}
