package org.nixwsl.storage.core.process;

import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.zeroturnaround.exec.ProcessExecutor;
import org.zeroturnaround.exec.ProcessResult;
import org.zeroturnaround.exec.StartedProcess;

/**
 * Starts programs: arguments in, bytes or a typed error out. Output is kept up to a bound, so that
 * a program cannot fill the heap; what is over is read and dropped. A program that runs too long,
 * or whose operation is cancelled, is killed with its children. Children that outlive a program
 * which ended by itself are left alone. Thread-safe.
 */
public final class ProcessRunner {
  private static final Logger LOG = LoggerFactory.getLogger(ProcessRunner.class);
  private static final int KEPT_BYTES = 16 << 20;
  private static final int SHOWN_CHARACTERS = 2000;
  private static final long POLL_MILLIS = 100;

  /**
   * How long output is waited for after a program's end: much for what is left in a pipe, and
   * little where a child that lives on keeps the pipe open.
   */
  static final Duration OUTPUT_AFTER_END = Duration.ofSeconds(5);

  /** A killed program goes at once, unless it is inside a call to a device. */
  private static final Duration END_AFTER_KILL = Duration.ofSeconds(5);

  /** A runner with nothing in it. */
  public ProcessRunner() {}

  /** What a program left. Immutable. */
  public static final class Result {
    private final int exitCode;
    private final byte[] stdout;
    private final byte[] stderr;

    /** What something else than a process of this machine left; the arrays are not copied. */
    public Result(int exitCode, byte[] stdout, byte[] stderr) {
      this.exitCode = exitCode;
      this.stdout = stdout;
      this.stderr = stderr;
    }

    /** Its exit status. */
    public int exitCode() {
      return exitCode;
    }

    /** Its standard output, a copy. */
    public byte[] stdout() {
      return stdout.clone();
    }

    /** Its standard error, a copy. */
    public byte[] stderr() {
      return stderr.clone();
    }

    /** Standard output as UTF-8; malformed bytes become U+FFFD. */
    public String text() {
      return new String(stdout, StandardCharsets.UTF_8);
    }

    /** Both outputs as UTF-8, for messages. */
    public String allText() {
      return text() + new String(stderr, StandardCharsets.UTF_8);
    }
  }

  /** Runs a program to its end, whatever its exit status is. */
  public Result run(Command command, Operation operation) throws IOException, InterruptedException {
    operation.checkCancelled();
    BoundedOutput stdout = new BoundedOutput(KEPT_BYTES);
    BoundedOutput stderr = new BoundedOutput(KEPT_BYTES);
    StartedProcess started = start(command, stdout, stderr);
    long deadline = operation.ticker().nanos() + command.limit().toNanos();
    Future<ProcessResult> future = started.getFuture();
    try {
      while (true) {
        try {
          ProcessResult ended = future.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
          LOG.debug("exit {} of {}", ended.getExitValue(), command.argv());
          return new Result(ended.getExitValue(), stdout.bytes(), stderr.bytes());
        } catch (TimeoutException stillRunning) {
          operation.checkCancelled();
          if (operation.ticker().nanos() - deadline > 0) {
            throw timedOut(command, stdout, stderr);
          }
        }
      }
    } catch (ExecutionException e) {
      throw new IOException("Cannot run " + command.argv().get(0), e.getCause());
    } finally {
      killTree(started.getProcess());
    }
  }

  /**
   * Runs a program that has to succeed.
   *
   * @throws CommandException {@code COMMAND_FAILED} if it ends with another status than 0
   */
  public Result runOk(Command command, Operation operation)
      throws IOException, InterruptedException {
    Result result = run(command, operation);
    if (result.exitCode() != 0) {
      throw failed(command, result);
    }
    return result;
  }

  /** The error for a program that ended with a status that means failure. */
  public static CommandException failed(Command command, Result result) {
    String output = ends(result.allText());
    return new CommandException(
        Problem.of(
                ErrorCode.COMMAND_FAILED,
                "The command "
                    + String.join(" ", command.argv())
                    + " failed with exit status "
                    + result.exitCode()
                    + (output.isBlank() ? "." : ": " + output.strip()),
                "Mend what it complains about and call again.")
            .leaving(StateLeft.UNKNOWN),
        command.argv(),
        result.exitCode(),
        output);
  }

  /**
   * Starts a program that runs until it is closed. Its standard input stays open until then: a
   * child such as {@code flock FILE cat} ends by itself when this process dies. Its standard error
   * goes nowhere.
   */
  public RunningProcess startLasting(Command command) {
    LOG.debug("start lasting {}", command.argv());
    ProcessBuilder builder =
        new ProcessBuilder(command.argv()).redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().putAll(command.environment());
    try {
      return new RunningProcess(builder.start(), new BoundedOutput(0), List.of());
    } catch (IOException e) {
      throw missing(command, e);
    }
  }

  /**
   * {@link #startLasting} for a program that is talked with: what it prints on standard error is
   * read along, and its beginning kept for messages.
   */
  public RunningProcess startTalking(Command command) {
    LOG.debug("start talking with {}", command.argv().get(0));
    ProcessBuilder builder = new ProcessBuilder(command.argv());
    builder.environment().putAll(command.environment());
    try {
      Process process = builder.start();
      BoundedOutput complaints = new BoundedOutput(2 * SHOWN_CHARACTERS);
      Thread reader =
          new Thread(() -> drain(process.getErrorStream(), complaints), "nixwsl-stderr");
      reader.setDaemon(true);
      reader.start();
      return new RunningProcess(process, complaints, List.of());
    } catch (IOException e) {
      throw missing(command, e);
    }
  }

  /**
   * Starts a program between the streams of somebody else, who waits for its end: it reads what
   * comes from the one until that ends, and what it prints is passed on at once. None of the
   * streams is closed.
   */
  public RunningProcess startPassing(
      Command command, InputStream in, OutputStream out, OutputStream err) {
    LOG.debug("start passing {}", command.argv());
    ProcessBuilder builder = new ProcessBuilder(command.argv());
    builder.environment().putAll(command.environment());
    try {
      Process process = builder.start();
      passing("nixwsl-stdin", in, process.getOutputStream(), process.getOutputStream());
      return new RunningProcess(
          process,
          new BoundedOutput(0),
          List.of(
              passing("nixwsl-stdout", process.getInputStream(), out, process.getInputStream()),
              passing("nixwsl-stderr", process.getErrorStream(), err, process.getErrorStream())));
    } catch (IOException e) {
      throw missing(command, e);
    }
  }

  /** Passes on what comes, and closes the end of the program when either side is done with it. */
  private static Thread passing(String name, InputStream from, OutputStream to, Closeable end) {
    Thread thread =
        new Thread(
            () -> {
              byte[] buffer = new byte[1 << 16];
              try (end) {
                for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                  to.write(buffer, 0, n);
                  to.flush();
                }
              } catch (IOException e) {
                LOG.debug("{} ended early", name, e); // one side is gone, and the other sees that
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private static void drain(InputStream from, BoundedOutput to) {
    try (from) {
      from.transferTo(to);
    } catch (IOException e) {
      LOG.debug("standard error was closed", e); // the program was killed
    }
  }

  private static StartedProcess start(Command command, BoundedOutput stdout, BoundedOutput stderr) {
    LOG.debug("start {}", command.argv());
    try {
      return new ProcessExecutor()
          .command(command.argv())
          .environment(command.environment())
          .redirectInput(new ByteArrayInputStream(command.input()))
          .redirectOutput(stdout)
          .redirectError(stderr)
          .closeTimeout(OUTPUT_AFTER_END.toSeconds(), TimeUnit.SECONDS)
          .start();
    } catch (IOException e) {
      throw missing(command, e);
    }
  }

  private static EnvironmentException missing(Command command, IOException e) {
    LOG.debug("cannot start {}", command.argv(), e);
    return new EnvironmentException(
        Problem.of(
            ErrorCode.TOOL_MISSING,
            "Cannot start the program " + command.argv().get(0) + ": " + e.getMessage() + ".",
            "Install it, or put its folder on PATH, and call again."),
        e);
  }

  private static CommandException timedOut(
      Command command, BoundedOutput stdout, BoundedOutput stderr) {
    String output = ends(new Result(-1, stdout.bytes(), stderr.bytes()).allText());
    return new CommandException(
        Problem.of(
                ErrorCode.COMMAND_TIMED_OUT,
                "The command "
                    + String.join(" ", command.argv())
                    + " did not end within "
                    + command.limit().toSeconds()
                    + " s and was killed.",
                "Look at what the machine is busy with and call again.")
            .leaving(StateLeft.UNKNOWN)
            .mayGoAway(),
        command.argv(),
        -1,
        output);
  }

  private static String ends(String text) {
    return text.length() <= 2 * SHOWN_CHARACTERS
        ? text
        : text.substring(0, SHOWN_CHARACTERS)
            + " [...] "
            + text.substring(text.length() - SHOWN_CHARACTERS);
  }

  /**
   * Kills a program with its children and waits until it is gone, so that nothing is done after the
   * call that it was killed by. The program first: then it starts no further children.
   */
  static void killTree(Process process) {
    if (!process.isAlive()) {
      return;
    }
    List<ProcessHandle> children = process.descendants().toList();
    process.destroyForcibly();
    children.forEach(ProcessHandle::destroyForcibly);
    boolean interrupted = Thread.interrupted();
    try {
      if (!process.waitFor(END_AFTER_KILL.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.warn("process {} was killed and is still there", process.pid());
      }
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
