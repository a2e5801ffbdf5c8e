package org.nixwsl.storage.windows.wsl;

import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * What a call of {@code wsl.exe} came to. Decided on the exit status and the error symbol, never on
 * prose, which is in the language of Windows.
 *
 * @param command {@code wsl.exe} and its arguments
 * @param exitCode the exit status as the operating system gave it
 * @param stdout standard output, decoded; errors of wsl.exe itself are printed here
 * @param stderr standard error, decoded
 */
public record WslAnswer(List<String> command, int exitCode, String stdout, String stderr) {
  private static final int SHOWN_CHARACTERS = 2000;

  /** Copies the list. */
  public WslAnswer {
    command = List.copyOf(command);
  }

  /** Whether all went well. */
  public boolean ok() {
    return exitCode == 0;
  }

  /**
   * Whether wsl.exe itself failed, other than a Linux program that it ran: -1, which is 0xFFFFFFFF
   * to Windows, and 255 where only the lowest byte of a status is kept (a wsl in the place of
   * wsl.exe on Linux). A Linux program that ends with 255 looks the same there, save for the
   * report.
   */
  public boolean wslFailed() {
    return exitCode == -1 || exitCode == 255;
  }

  /** What wsl.exe reported, if it failed and did. */
  public Optional<WslReport> report() {
    return wslFailed() ? WslReport.in(stdout + "\n" + stderr) : Optional.empty();
  }

  /** The error of the report, if it is a known one. */
  public Optional<WslError> error() {
    return report().flatMap(WslReport::error);
  }

  /** Whether the error is one that the SDK treats so. */
  public boolean isTo(WslError.Treatment treatment) {
    return error().map(error -> error.treatment() == treatment).orElse(false);
  }

  /**
   * The failure as an error of the SDK.
   *
   * @param what what failed, on what, as the beginning of a sentence: "Cannot mount ..."
   */
  public StorageSdkException failure(String what) {
    Optional<WslError> error = error();
    ErrorCode code = error.map(WslError::code).orElse(ErrorCode.WSL_FAILED);
    String why =
        report()
            .map(report -> "WSL reports " + report)
            .orElseGet(() -> "wsl.exe ended with status " + exitCode + said());
    // The two steps of a mount: attaching, then mounting what is attached.
    boolean attached =
        report().filter(r -> r.within("MountDisk") && !r.within("AttachDisk")).isPresent();
    StateLeft left =
        attached
            ? StateLeft.NEEDS_CLEANUP
            : report().isPresent() ? StateLeft.NOTHING_CHANGED : StateLeft.UNKNOWN;
    Problem problem =
        Problem.of(
                code,
                what + ": " + why + "." + (attached ? " The disk stays attached." : ""),
                error.map(WslError::remedy).orElse("Mend what the output complains about."))
            .leaving(left);
    if (error.filter(known -> !known.treatment().patience().isZero()).isPresent()) {
      problem = problem.mayGoAway();
    }
    WslErrorReport cause = new WslErrorReport(why, error.orElse(null));
    return switch (code) {
      case VHDX_IN_USE, VHDX_CORRUPT, NOT_MOUNTED -> new DiskException(problem, cause);
      case ALREADY_EXISTS, STORAGE_BUSY -> new ConflictException(problem, cause);
      case WSL_FAILED -> new CommandException(problem, command, exitCode, shown(), cause);
      default -> new EnvironmentException(problem, cause);
    };
  }

  /** The beginning of what was printed, on one line. */
  private String said() {
    String text = shown().replaceAll("\\s+", " ").strip();
    return text.isEmpty() ? "" : " and said: " + text;
  }

  private String shown() {
    String all = (stdout + "\n" + stderr).strip();
    return all.length() <= SHOWN_CHARACTERS ? all : all.substring(0, SHOWN_CHARACTERS) + " [...]";
  }
}
