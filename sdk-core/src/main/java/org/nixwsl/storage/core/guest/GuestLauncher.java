package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the guest program to where it works and starts it there. The jar goes through the same
 * pipe as the calls after it, into a private directory that is removed when the guest ends: no file
 * is shared between host and guest, and nothing stays. Thread-safe.
 */
public final class GuestLauncher {
  private static final Logger LOG = LoggerFactory.getLogger(GuestLauncher.class);

  /** NixOS keeps its programs in the first, other distributions in the rest. */
  static final String PATH =
      "/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  /** The class files of the SDK are of this version. */
  static final int OLDEST_JAVA = 17;

  private static final int CHUNK = 1 << 16;

  /** Not recursive, so that what is mounted below the root directory is not in it. */
  private static final String VIEW =
      "unshare --mount --propagation private sh -c 'mount --bind / \"$1\" && shift && exec \"$@\"'"
          + " view "
          + GuestLauncher.BENEATH
          + " ";

  /**
   * Where a guest that looks beneath the mounts of its place has the root directory. It is made for
   * all and is empty for all but that guest.
   */
  static final String BENEATH = "/run/nixwsl/root-disk";

  private final Shell shell;
  private final GuestProgram program;
  private final GuestJava java;
  private final Ticker ticker;
  private final boolean beneath;

  /** A launcher for one place, of a program on this side and the Java of that one. */
  public GuestLauncher(Shell shell, GuestProgram program, GuestJava java, Ticker ticker) {
    this(shell, program, java, ticker, false);
  }

  private GuestLauncher(
      Shell shell, GuestProgram program, GuestJava java, Ticker ticker, boolean beneath) {
    this.shell = shell;
    this.program = program;
    this.java = java;
    this.ticker = ticker;
    this.beneath = beneath;
  }

  /**
   * A launcher of guests that have the root directory alone, without what is mounted below it, at
   * {@link #BENEATH}. A mount namespace of their own has it, which goes with them, however they
   * end; until then it keeps all that was mounted when they were started.
   */
  GuestLauncher beneath() {
    return new GuestLauncher(shell, program, java, ticker, true);
  }

  /**
   * Starts a guest and hears its first word. The caller closes it.
   *
   * @throws EnvironmentException {@code GUEST_LOST} with what it said, {@code NOT_FOUND} if the
   *     program is not there, {@code TOOL_MISSING} if there is no Java for it
   */
  GuestClient launch(Operation operation) throws IOException, InterruptedException {
    operation.checkCancelled();
    byte[] jar = program.jar();
    RunningProcess process = shell.start(script(java.find(operation), jar.length, digest(jar)));
    boolean met = false;
    try {
      deliver(jar, process, operation);
      operation.checkCancelled();
      GuestClient client = GuestClient.meet(process, shell.place(), ticker, operation);
      met = true;
      return client;
    } finally {
      if (!met) {
        process.close();
      }
    }
  }

  /**
   * On a thread of its own: a shell that hangs does not read, and nothing interrupts a write to a
   * pipe but the end of the one that reads it.
   */
  private void deliver(byte[] jar, RunningProcess process, Operation operation)
      throws InterruptedException {
    AtomicLong sentAt = new AtomicLong(ticker.nanos());
    FutureTask<Boolean> delivery = new FutureTask<>(() -> send(jar, process.input(), sentAt));
    Thread thread = new Thread(delivery, "nixwsl-jar");
    thread.setDaemon(true);
    thread.start();
    while (true) {
      try {
        if (!delivery.get(100, TimeUnit.MILLISECONDS)) {
          LOG.debug("the shell in {} ended before it had the guest program", shell.place());
        }
        return;
      } catch (TimeoutException notYet) {
        operation.checkCancelled();
        if (ticker.nanos() - sentAt.get() > GuestClient.SILENCE.toNanos()) {
          throw stuck(process);
        }
      } catch (ExecutionException e) {
        throw new IllegalStateException("Sending throws nothing", e);
      }
    }
  }

  /**
   * Writes the jar.
   *
   * @return false if the other side ended before it had all; why is what it said, which meeting it
   *     tells
   */
  private boolean send(byte[] jar, OutputStream to, AtomicLong sentAt) {
    try {
      for (int from = 0; from < jar.length; from += CHUNK) {
        to.write(jar, from, Math.min(CHUNK, jar.length - from));
        sentAt.set(ticker.nanos());
      }
      to.flush();
      return true;
    } catch (IOException e) {
      LOG.debug("nobody reads the guest program any more", e);
      return false;
    }
  }

  private EnvironmentException stuck(RunningProcess process) {
    String said = process.complaints().strip();
    return new EnvironmentException(
        Problem.of(
                ErrorCode.GUEST_LOST,
                "The shell in "
                    + shell.place()
                    + " does not take the program that is to work there."
                    + (said.isEmpty() ? "" : " It said: " + said),
                "Look whether that place still runs, and call again.")
            .mayGoAway());
  }

  private static String digest(byte[] jar) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(jar));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  /**
   * The program of the other side. {@code head -c} reads no byte more than it is told to, so that
   * what follows the jar is left for the guest. Java is not put in the shell's place: the shell
   * outlives it to remove the directory. A guest lives for seconds and spends most of a small copy
   * on compiling itself, and less of it where hot methods are inlined less: FreqInlineSize (325
   * bytes of bytecode by default) at 100 saves about a second on two cores, see
   * docs/performance.md.
   */
  private String script(Optional<String> java, int size, String sha256) {
    String wanted = java.map(ShText::quoted).orElse("$(command -v java || true)");
    return String.join(
        "\n",
        "set -eu",
        "umask 077",
        "PATH=" + PATH + ":$PATH",
        "export PATH",
        "java=" + wanted,
        "if [ -z \"$java\" ]; then echo 'no java on the path' >&2; exit 1; fi",
        "version=$(\"$java\" -version 2>&1 | sed -n 's/.* version \"\\([0-9]*\\).*/\\1/p')",
        "if [ \"${version:-0}\" -lt " + OLDEST_JAVA + " ]; then",
        "  echo \"$java is not Java " + OLDEST_JAVA + " or newer\" >&2; exit 1",
        "fi",
        "dir=$(mktemp -d \"${TMPDIR:-/tmp}/nixwsl-guest.XXXXXXXXXX\")",
        "trap 'rm -rf -- \"$dir\"' EXIT",
        "trap 'exit 1' HUP INT TERM",
        "head -c " + size + " >\"$dir/guest.jar\"",
        "if ! printf '%s  %s\\n' " + sha256 + " \"$dir/guest.jar\" | sha256sum -c --status; then",
        "  echo 'the guest program was damaged on its way' >&2; exit 1",
        "fi",
        (beneath ? "mkdir -p " + BENEATH + "\n" + VIEW : "")
            + "\"$java\" -XX:+UseSerialGC -XX:FreqInlineSize=100 -Xshare:auto -Xlog:disable -Xlog:all=warning:stderr"
            + " -Dslf4j.internal.verbosity=ERROR -Djava.io.tmpdir=\"$dir\" -jar \"$dir/guest.jar\"",
        "");
  }
}
