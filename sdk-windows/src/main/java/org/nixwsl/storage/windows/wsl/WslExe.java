package org.nixwsl.storage.windows.wsl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.MountName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The command line of {@code wsl.exe}, and the only code that knows it. Each method is one call.
 * Those that give a {@link WslAnswer} leave it to the caller to judge it; the others throw what the
 * answer says. Thread-safe.
 *
 * <p>Scripts are fed through standard input and never stand on the command line, where quotes
 * within quotes do not survive Windows. They must not end with the statuses 67 and 87: wsl.exe
 * takes these for errors of its own.
 */
public final class WslExe {
  private static final Logger LOG = LoggerFactory.getLogger(WslExe.class);

  /**
   * wsl.exe itself tries for 60 s to reach its service, the start of the virtual machine takes up
   * to 60 s (distributionStartTimeout), and a device may take 15 s to appear.
   */
  private static final Duration LIMIT = Duration.ofMinutes(3);

  /** For what copies a whole disk: a terabyte at 25 MB/s. */
  private static final Duration COPY_LIMIT = Duration.ofHours(12);

  /** Where NixOS and other distributions have coreutils. */
  private static final String TOOLS = "/run/current-system/sw/bin:/usr/bin:/bin";

  private static final Pattern VERSION = Pattern.compile("\\d+(?:\\.\\d+)+");
  private static final byte[] NOTHING = {};

  private final WslRunner runner;

  /** Makes its calls through the runner. */
  public WslExe(WslRunner runner) {
    this.runner = runner;
  }

  /** How {@link #export} writes an instance. */
  public enum Format {
    /** The files of the root disk only: what is bound from another disk is not in it. */
    TAR("tar"),
    /** The same, compressed with gzip. */
    TAR_GZIP("tar.gz"),
    /** The same, compressed with xz. */
    TAR_XZ("tar.xz"),
    /** The disk file as it is; the virtual machine has to have let go of it. */
    VHD("vhd");

    private final String word;

    Format(String word) {
      this.word = word;
    }
  }

  /** All instances of this Windows user; empty if there is none. */
  public List<WslDistribution> list(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--list", "--verbose");
    if (answer.wslFailed() && answer.report().isEmpty()) {
      // The only failure of a list without a code: there is nothing to list. A wsl.exe that was cut
      // short says as little, but not twice.
      answer = call(operation, "--list", "--verbose");
      if (answer.wslFailed() && answer.report().isEmpty()) {
        return List.of();
      }
    }
    return WslDistribution.parse(require(answer, "Cannot list the WSL instances").stdout());
  }

  /** The names of the instances that run. */
  public List<String> running(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--list", "--running", "--quiet");
    return require(answer, "Cannot list the running WSL instances")
        .stdout()
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .map(WslDistribution::requireName)
        .toList();
  }

  /**
   * The version of WSL, such as {@code 2.6.1.0}.
   *
   * @throws EnvironmentException {@code WSL_NOT_AVAILABLE} if it is the one that came with Windows,
   *     which cannot tell and cannot mount a VHDX under a name
   */
  public String version(Operation operation) throws IOException, InterruptedException {
    WslAnswer answer = call(operation, "--version");
    Matcher number = VERSION.matcher(answer.stdout());
    if (!answer.ok() || !number.find()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.WSL_NOT_AVAILABLE,
              "This WSL does not tell its version, so that it is the one that came with Windows.",
              "Update it with `wsl --update`."));
    }
    return number.group();
  }

  /**
   * What WSL says of itself, for people: in the language of Windows, and not to be decided on.
   *
   * @throws EnvironmentException {@code WSL_NOT_AVAILABLE} and the like if it cannot
   */
  public String status(Operation operation) throws IOException, InterruptedException {
    return require(call(operation, "--status"), "Cannot ask WSL for its status").stdout();
  }

  /**
   * Attaches a disk and mounts nothing of it. An answer that is {@link WslError.Treatment#DONE}
   * means that it was attached before.
   */
  public WslAnswer attach(WslDisk disk, Operation operation)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of("--mount", disk.path()));
    if (disk.isFile()) {
      arguments.add("--vhd");
    }
    arguments.add("--bare");
    return call(operation, arguments);
  }

  /**
   * Attaches a disk, if it is not attached, and mounts it for all instances below WSL's share: 0 is
   * done, 1 is attached but not mounted.
   *
   * @param type the file system, such as {@code ext4}; WSL would guess one that is not named
   * @param options of the mount, separated by commas; empty for none
   */
  public WslAnswer mount(
      WslDisk disk, MountName name, String type, String options, Operation operation)
      throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of("--mount", disk.path()));
    if (disk.isFile()) {
      arguments.add("--vhd");
    }
    arguments.addAll(List.of("--name", name.value(), "--type", type));
    if (!options.isEmpty()) {
      arguments.addAll(List.of("--options", options));
    }
    disk.partition()
        .ifPresent(number -> arguments.addAll(List.of("--partition", number.toString())));
    return call(operation, arguments);
  }

  /**
   * Unmounts and detaches one disk. There is no call without a path: that would detach the disks of
   * other programs as well.
   */
  public WslAnswer unmount(WslDisk disk, Operation operation)
      throws IOException, InterruptedException {
    return call(operation, "--unmount", disk.path());
  }

  /** Stops an instance; does nothing where it does not run. */
  public void terminate(String distribution, Operation operation)
      throws IOException, InterruptedException {
    require(
        call(operation, "--terminate", WslDistribution.requireName(distribution)),
        "Cannot stop the WSL instance " + distribution);
  }

  /**
   * Stops all instances and the virtual machine, which detaches every disk. WSL tells no failure of
   * this: whoever needs to know looks at {@link #running} afterwards.
   *
   * @param force without waiting for the instances to end
   */
  public void shutdown(boolean force, Operation operation)
      throws IOException, InterruptedException {
    List<String> arguments = force ? List.of("--shutdown", "--force") : List.of("--shutdown");
    require(call(operation, arguments), "Cannot shut WSL down");
  }

  /** Stops an instance and writes it to a file, which is replaced if it is there. */
  public void export(String distribution, String file, Format format, Operation operation)
      throws IOException, InterruptedException {
    require(
        call(
            COPY_LIMIT,
            operation,
            "--export",
            WslDistribution.requireName(distribution),
            requireFile(file),
            "--format",
            format.word),
        "Cannot export the WSL instance " + distribution + " to " + file);
  }

  /**
   * Makes an instance of a file.
   *
   * @param directory where its disk is put; made if it is not there
   * @param vhd whether the file is a disk, which is copied, and not an archive
   */
  public void importFrom(
      String distribution, String directory, String file, boolean vhd, Operation operation)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--import",
                WslDistribution.requireName(distribution),
                requireFile(directory),
                requireFile(file),
                "--version",
                "2"));
    if (vhd) {
      arguments.add("--vhd");
    }
    require(
        run(arguments, NOTHING, COPY_LIMIT, operation),
        "Cannot import the WSL instance " + distribution + " from " + file);
  }

  /** Makes an instance of a disk with ext4 on it, where the disk is. */
  public void importInPlace(String distribution, String file, Operation operation)
      throws IOException, InterruptedException {
    require(
        call(
            operation,
            "--import-in-place",
            WslDistribution.requireName(distribution),
            requireFile(file)),
        "Cannot register " + file + " as the WSL instance " + distribution);
  }

  /** Moves the disk of an instance that does not run to another directory. */
  public void move(String distribution, String directory, Operation operation)
      throws IOException, InterruptedException {
    manage(distribution, operation, "--move", requireFile(directory));
  }

  /** Gives the disk of an instance another size; it must not be attached to the virtual machine. */
  public void resize(String distribution, long bytes, Operation operation)
      throws IOException, InterruptedException {
    if (bytes <= 0) {
      throw new IllegalArgumentException("Not the size of a disk: " + bytes);
    }
    manage(distribution, operation, "--resize", bytes + "B");
  }

  /**
   * Makes the disk file of an instance sparse or not.
   *
   * @param allowUnsafe needed to make it sparse: WSL knows that this has lost data
   */
  public void setSparse(
      String distribution, boolean sparse, boolean allowUnsafe, Operation operation)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("--set-sparse", Boolean.toString(sparse)));
    if (allowUnsafe) {
      words.add("--allow-unsafe");
    }
    manage(distribution, operation, words.toArray(String[]::new));
  }

  /**
   * Runs a script of POSIX sh as root in an instance, which is started for that if it does not run.
   * No profile is read: the script sets its own PATH.
   *
   * @return what the script printed and its status, which may be any but 67 and 87
   */
  public WslAnswer exec(String distribution, String script, Operation operation)
      throws IOException, InterruptedException {
    return exec(distribution, script, LIMIT, operation);
  }

  /** {@link #exec(String, String, Operation)} for what may take longer than a call of WSL does. */
  public WslAnswer exec(String distribution, String script, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer =
        run(
            List.of(
                "-d",
                WslDistribution.requireName(distribution),
                "-u",
                "root",
                "--exec",
                "/bin/sh",
                "-s"),
            script.getBytes(StandardCharsets.UTF_8),
            limit,
            operation);
    if (answer.report().isPresent()) {
      throw answer.failure("Cannot run a command in the WSL instance " + distribution);
    }
    return answer;
  }

  /**
   * Starts a script of POSIX sh as root in an instance, to be talked with on standard input and
   * output; whoever starts it closes it. Where wsl.exe itself fails, its error is what is read.
   *
   * <p>The script goes through standard input, before what is said to it. {@code sh -s} would not
   * do: shells such as dash read on in blocks, past the end of the script. So the words on the
   * command line have the shell take exactly the bytes of the script; without quotes, which would
   * not survive Windows, an empty IFS keeps the script in one piece.
   */
  public RunningProcess talk(String distribution, String script) {
    byte[] text = ("unset IFS; set +f\n" + script).getBytes(StandardCharsets.UTF_8);
    RunningProcess process =
        runner.start(
            List.of(
                "-d",
                WslDistribution.requireName(distribution),
                "-u",
                "root",
                "--exec",
                "/bin/sh",
                "-c",
                "PATH=" + TOOLS + ";set -f;IFS=;eval $(head -c " + text.length + ")"));
    try {
      process.input().write(text);
      process.input().flush();
    } catch (IOException e) {
      // It ended at once. What it said is for whoever listens.
      LOG.debug("the shell in {} takes no script", distribution, e);
    }
    return process;
  }

  private void manage(String distribution, Operation operation, String... words)
      throws IOException, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("--manage", WslDistribution.requireName(distribution)));
    arguments.addAll(List.of(words));
    require(
        run(arguments, NOTHING, COPY_LIMIT, operation),
        "Cannot change the disk of the WSL instance " + distribution);
  }

  private WslAnswer call(Operation operation, String... arguments)
      throws IOException, InterruptedException {
    return call(LIMIT, operation, arguments);
  }

  private WslAnswer call(Operation operation, List<String> arguments)
      throws IOException, InterruptedException {
    return run(arguments, NOTHING, LIMIT, operation);
  }

  private WslAnswer call(Duration limit, Operation operation, String... arguments)
      throws IOException, InterruptedException {
    return run(List.of(arguments), NOTHING, limit, operation);
  }

  private WslAnswer run(List<String> arguments, byte[] input, Duration limit, Operation operation)
      throws IOException, InterruptedException {
    ProcessRunner.Result result = runner.run(arguments, input, limit, operation);
    List<String> command = new ArrayList<>(List.of("wsl.exe"));
    command.addAll(arguments);
    return new WslAnswer(
        command,
        result.exitCode(),
        WslText.decode(result.stdout()),
        WslText.decode(result.stderr()));
  }

  private static WslAnswer require(WslAnswer answer, String what) {
    if (!answer.ok()) {
      throw answer.failure(what);
    }
    return answer;
  }

  /** A word that wsl.exe would not take for an option, or for its standard input or output. */
  private static String requireFile(String path) {
    if (path.isBlank() || path.startsWith("-")) {
      throw new IllegalArgumentException("Not the path of a file: '" + path + "'");
    }
    return path;
  }

  /**
   * A disk as WSL knows it.
   *
   * @param path the final path of a VHDX, or the device of a physical disk; WSL compares disks by
   *     this text
   * @param isFile whether it is a VHDX
   * @param partition what of it is mounted; empty for all of it
   */
  public record WslDisk(String path, boolean isFile, Optional<Integer> partition) {
    /** Refuses what would be no path: WSL then means every disk. */
    public WslDisk {
      if (path.isBlank() || path.startsWith("-")) {
        throw new IllegalArgumentException(
            "A path is needed, without one all disks are detached: '" + path + "'");
      }
    }

    /** A VHDX by its final path. */
    public static WslDisk ofFile(String path) {
      return new WslDisk(path, true, Optional.empty());
    }
  }
}
