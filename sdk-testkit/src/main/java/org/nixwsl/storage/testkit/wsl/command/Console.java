package org.nixwsl.storage.testkit.wsl.command;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.nixwsl.storage.testkit.wsl.model.Guests;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslRelease;

/**
 * What a call prints. wsl.exe's own text is UTF-16LE unless UTF-8 was asked for, without a byte
 * order mark and with the line ends of Windows; what a Linux program prints goes through as it is.
 */
final class Console {
  /** Errors for which releases before 2.6 have a number only (winerror.h). */
  private static final Map<String, String> NUMBERS =
      Map.ofEntries(
          Map.entry("ERROR_FILE_NOT_FOUND", "0x80070002"),
          Map.entry("ERROR_PATH_NOT_FOUND", "0x80070003"),
          Map.entry("E_ACCESSDENIED", "0x80070005"),
          Map.entry("ERROR_SHARING_VIOLATION", "0x80070020"),
          Map.entry("ERROR_FILE_EXISTS", "0x80070050"),
          Map.entry("ERROR_INVALID_NAME", "0x8007007b"),
          Map.entry("ERROR_ALREADY_EXISTS", "0x800700b7"),
          Map.entry("ERROR_FILE_CORRUPT", "0x80070570"),
          Map.entry("E_ILLEGAL_STATE_CHANGE", "0x8000000d"));

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final WslRelease release;
  private final Charset charset;
  private final Prose prose;
  private final Prose labels;

  Console(WslRelease release, String language, boolean utf8) {
    this.release = release;
    this.charset = utf8 ? StandardCharsets.UTF_8 : StandardCharsets.UTF_16LE;
    this.prose = new Prose(language);
    this.labels = new Prose(release.translatesLabel() ? language : "en");
  }

  void line(String text) {
    out.writeBytes((text + "\r\n").getBytes(charset));
  }

  void say(String what, Object... values) {
    line(prose.say(what, values));
  }

  String words(String what) {
    return prose.say(what);
  }

  void raw(byte[] bytes) {
    out.writeBytes(bytes);
  }

  /** Where a program prints whose output is kept with the rest. */
  Guests.Streams reading(InputStream in) {
    return new Guests.Streams(in, out, err);
  }

  /** An error: prose, and the line with the code, which two errors do not have. */
  void failed(WslFailure failure) {
    switch (failure.symbol()) {
      case "WSL_E_DEFAULT_DISTRO_NOT_FOUND" -> say("noDistribution");
      case "WSL_E_INVALID_USAGE" -> say("usage");
      default -> {
        say("failed");
        line(labels.say("code") + code(failure));
      }
    }
  }

  private String code(WslFailure failure) {
    String code = failure.code();
    String steps = code.substring(0, code.length() - failure.symbol().length());
    String symbol =
        release.namesWindowsErrors()
            ? failure.symbol()
            : NUMBERS.getOrDefault(failure.symbol(), failure.symbol());
    return steps.replace("/MountDisk/", "/" + release.mountStep() + "/") + symbol;
  }

  /** Cuts the output in the middle of its first line. */
  void halve() {
    byte[] all = out.toByteArray();
    out.reset();
    byte[] line = all.length > 0 ? all : prose.say("failed").getBytes(charset);
    out.write(line, 0, Math.min(line.length, 11));
  }

  WslOutput ended(int exit) {
    return output(WslOutput.Ending.EXITED, exit);
  }

  WslOutput output(WslOutput.Ending ending, int exit) {
    return new WslOutput(ending, exit, out.toByteArray(), err.toByteArray());
  }
}
