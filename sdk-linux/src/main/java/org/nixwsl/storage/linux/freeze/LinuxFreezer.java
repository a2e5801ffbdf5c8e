package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.ProcessRunner.Result;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.copy.StoreFingerprint;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.machine.MountTable.Mount;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.store.NixStore;

/**
 * Freezes the store in {@code /nix} of the machine that this runs on. What it needs of that machine
 * is systemd as PID 1, util-linux and coreutils. Thread-safe.
 */
public final class LinuxFreezer implements StoreFreezer {
  private static final Path NIX = Path.of("/nix");
  private static final NixStore STORE = NixStore.ofNixDirectory(NIX);
  private static final Path PROC = Path.of("/proc");

  /** A unit has 90 s to stop before systemd kills it; two in a row, and room. */
  private static final Duration UNITS_LIMIT = Duration.ofMinutes(4);

  /** Three mounts. */
  private static final Duration MOUNT_LIMIT = Duration.ofSeconds(30);

  private final Systemd systemd;
  private final Ticker ticker;
  private final SecureRandom random = new SecureRandom();

  /** A freezer that starts its programs by this runner and takes its time from this ticker. */
  public LinuxFreezer(ProcessRunner processes, Ticker ticker) {
    this.systemd = new Systemd(processes);
    this.ticker = ticker;
  }

  @Override
  public Frozen begin(Options options, Operation operation)
      throws IOException, InterruptedException {
    requireSuitableMachine();
    NixUnits units = systemd.units(options.units(), operation).lessBlocked();
    operation.checkCancelled();
    Claim claim = claim(options, units);
    try {
      systemd.start(claim, operation);
      awaitFrozen(claim, options, operation);
      List<String> notes = awaitSilence(claim, options, units, operation);
      return new Frozen(claim.token(), fingerprint(operation), notes);
    } catch (Throwable e) {
      takeBack(claim.token(), e);
      throw e;
    }
  }

  private Claim claim(Options options, NixUnits units) throws IOException, InterruptedException {
    Token token =
        new Token(bootId(), startOf("1"), String.format(Locale.ROOT, "%08x", random.nextInt()));
    String caller = ProcessHandle.current().pid() + " " + startOf("self");
    try {
      return Claim.make(
          token,
          new Claim.Orders(
              caller, options.grace().toSeconds(), options.longest().toSeconds(), units));
    } catch (FileAlreadyExistsException e) {
      throw frozenBy(Claim.find().map(Claim::token));
    }
  }

  /** Waits until the unit has done its part. */
  private void awaitFrozen(Claim claim, Options options, Operation operation)
      throws IOException, InterruptedException {
    boolean blocked =
        operation.await(
            "Nix's units to stop",
            UNITS_LIMIT,
            () -> !List.of("begun", "stopping", "blocking").contains(phase(claim)));
    if (!blocked) {
      throw failed("Nix's services do not stop", "Look at `systemctl list-jobs`");
    }
    boolean locked =
        operation.await(
            "the store to be closed", options.patience(), () -> !phase(claim).equals("locking"));
    if (!locked) {
      throw inUse(StoreUsers.look(claim.token().unit()).blocking(), options);
    }
    if (!operation.await(
        "/nix to be read-only", MOUNT_LIMIT, () -> phase(claim).equals("frozen"))) {
      throw failed("/nix was not made read-only", "Look at the unit " + claim.token().unit());
    }
  }

  /** The phase of a freeze that does not end. */
  private String phase(Claim claim) throws IOException {
    if (!claim.present() || claim.ending()) {
      throw failed(
          Claim.lastWords(claim.token()).orElse("it ended for an unknown reason"),
          "Look at the log of the unit " + claim.token().unit());
    }
    return claim.phase();
  }

  /** Waits until nobody can write any more; what limits that is told. */
  private List<String> awaitSilence(
      Claim claim, Options options, NixUnits units, Operation operation)
      throws IOException, InterruptedException {
    List<String> last = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    boolean silent =
        operation.await(
            "the last writers to end",
            options.patience(),
            () -> {
              StoreUsers users = StoreUsers.look(claim.token().unit());
              last.clear();
              last.addAll(users.blocking());
              for (String unit : units.awaited()) {
                if (systemd.up(unit, operation)) {
                  last.add("the unit " + unit + " runs");
                }
              }
              notes.clear();
              notes.addAll(users.notes());
              return last.isEmpty();
            });
    if (!silent) {
      throw inUse(last, options);
    }
    check(claim.token(), operation);
    return notes;
  }

  @Override
  public Optional<Found> find(Operation operation) throws IOException, InterruptedException {
    Optional<Claim> claim = Claim.find();
    if (claim.isEmpty()) {
      return Optional.empty();
    }
    Token token = claim.get().token();
    return Optional.of(
        new Found(
            token,
            claim.get().phase(),
            claim.get().held(),
            systemd.up(token.unit(), operation),
            !lives(claim.get().caller()) && !claim.get().committed()));
  }

  @Override
  public Fingerprint fingerprint(Operation operation) throws IOException {
    return StoreFingerprint.of(STORE, operation);
  }

  @Override
  public void check(Token token, Operation operation) throws IOException, InterruptedException {
    inForce(token, operation);
  }

  private Claim inForce(Token token, Operation operation) throws IOException, InterruptedException {
    Optional<Claim> claim = Claim.find();
    if (claim.isEmpty() || !claim.get().token().equals(token)) {
      String gone =
          thisBoot(token) ? "it has ended" : "it was one of an earlier start of this instance";
      throw lost(token, Claim.lastWords(token).orElse(gone));
    }
    if (claim.get().ending() || !claim.get().phase().equals("frozen")) {
      throw lost(token, Claim.lastWords(token).orElse("it is not complete"));
    }
    if (!systemd.up(token.unit(), operation)) {
      throw lost(token, "its unit does not run");
    }
    if (!readOnly()) {
      throw lost(token, "/nix can be written to");
    }
    return claim.get();
  }

  @Override
  public void hold(Token token, Optional<Path> mark, Operation operation)
      throws IOException, InterruptedException {
    Claim claim = inForce(token, operation);
    if (!claim.caller().equals(ProcessHandle.current().pid() + " " + startOf("self"))) {
      throw lost(token, "another process began it, and it would not outlive that one");
    }
    operation.checkCancelled();
    if (!claim.hold(mark)) {
      throw lost(token, Claim.lastWords(token).orElse("it ends at this moment"));
    }
  }

  @Override
  public Thaw thaw(Token token, Operation operation) throws IOException, InterruptedException {
    Optional<Claim> found = Claim.find();
    if (found.isEmpty()) {
      return thisBoot(token) ? Thaw.ENDED_BEFORE : Thaw.OTHER_BOOT;
    }
    Claim claim = found.get();
    if (!claim.token().equals(token)) {
      throw frozenBy(Optional.of(claim.token()));
    }
    claim.end();
    String trouble = "";
    if (systemd.up(token.unit(), operation)) {
      systemd.stop(token, operation);
    }
    if (claim.present() && claim.untouched()) {
      claim.remove();
    }
    if (claim.present()) {
      Result result = systemd.undo(claim, operation);
      trouble = result.allText().strip();
    }
    String last = Claim.lastWords(token).orElse("");
    if (claim.present()) {
      throw notThawed(token, last + (trouble.isEmpty() ? "" : ": " + trouble));
    }
    if (last.startsWith("failed: not started")) {
      throw notThawed(token, last);
    }
    return Thaw.DONE;
  }

  /** After a failure, whatever the caller cancelled meanwhile. */
  private void takeBack(Token token, Throwable failure) {
    try {
      Operation.toTheEnd("thaw", ticker, operation -> thaw(token, operation));
    } catch (StorageSdkException e) {
      e.addSuppressed(failure);
      throw e; // more is to be done about a store that is not thawed than about the first failure
    }
  }

  private static boolean readOnly() throws IOException {
    return MountTable.read(PROC.resolve("1/mountinfo"))
        .carrying(NIX)
        .map(mount -> mount.point().equals("/nix") && !mount.writable())
        .orElse(false);
  }

  private static void requireSuitableMachine() throws IOException {
    if (!Caller.isRoot()) {
      throw new EnvironmentException(
          Problem.of(ErrorCode.NOT_ROOT, "Freezing a store needs root.", "Run as root."));
    }
    if (!Systemd.runs()) {
      throw failed("systemd is not PID 1 here", "Freeze a running instance");
    }
    requireStore();
    MountTable mounts = MountTable.read(PROC.resolve("1/mountinfo"));
    Mount nix = mounts.carrying(NIX).orElseThrow();
    String top = nix.inFileSystem("/nix");
    for (Mount below : mounts.below("/nix")) {
      // NixOS mounts the store on itself; that shows the same files as the directory under it.
      String place = (top.equals("/") ? "" : top) + below.point().substring("/nix".length());
      if (!below.device().equals(nix.device()) || !below.root().equals(place)) {
        throw failed("another file system is mounted at " + below.printablePoint(), "Unmount it");
      }
    }
  }

  private static void requireStore() throws IOException {
    try {
      if (FileFacts.of(NIX).directory() && FileFacts.of(STORE.database()).regular()) {
        return;
      }
    } catch (NoSuchFileException e) {
      // no store, as below
    }
    throw new EnvironmentException(
        Problem.of(
            ErrorCode.NOT_A_STORE,
            "There is no Nix store in /nix of this instance, or /nix is a symlink.",
            "Freeze an instance with a store in /nix."));
  }

  private static String bootId() throws IOException {
    return Files.readString(PROC.resolve("sys/kernel/random/boot_id")).strip();
  }

  /** When a process started, in ticks since the boot: field 22 of its stat (proc_pid_stat(5)). */
  private static long startOf(String process) throws IOException {
    String stat =
        new String(
            Files.readAllBytes(PROC.resolve(process).resolve("stat")), StandardCharsets.ISO_8859_1);
    // The second field is the command, which may hold spaces and parentheses.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Long.parseLong(fields[22 - 3]);
  }

  /**
   * Whether a process still is there.
   *
   * @param process its id and its start, as {@link Claim.Orders#caller}
   */
  private static boolean lives(String process) throws IOException {
    String[] parts = process.split(" ", -1);
    try {
      return parts.length == 2 && Long.toString(startOf(parts[0])).equals(parts[1]);
    } catch (NoSuchFileException ended) {
      return false;
    }
  }

  private static boolean thisBoot(Token token) throws IOException {
    return token.bootId().equals(bootId()) && token.startOfInit() == startOf("1");
  }

  private static ConflictException inUse(List<String> users, Options options) {
    return new ConflictException(
        Problem.of(
                ErrorCode.STORE_IN_USE,
                "The store in /nix is still used after "
                    + options.patience().toSeconds()
                    + " s: "
                    + (users.isEmpty()
                        ? "by a process that cannot be seen"
                        : String.join("; ", users))
                    + ".",
                "Wait for these processes or end them, and call again. The freeze was undone.")
            .mayGoAway());
  }

  private static ConflictException frozenBy(Optional<Token> other) {
    return new ConflictException(
        Problem.of(
            ErrorCode.STORE_FROZEN,
            "The store in /nix is frozen already, by "
                + other.map(Token::text).orElse("another run")
                + ".",
            "Let the run that froze it end, or thaw that freeze."));
  }

  private static ConflictException lost(Token token, String why) {
    return new ConflictException(
        Problem.of(
                ErrorCode.FREEZE_LOST,
                "The freeze " + token.text() + " is not in force: " + why + ".",
                "Freeze again and repeat what was done under it.")
            .leaving(StateLeft.RESUMABLE)
            .mayGoAway());
  }

  private static EnvironmentException failed(String why, String remedy) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.FREEZE_FAILED,
            "Cannot freeze the store in /nix: " + why + ".",
            remedy + ", and call again. What was done was undone."));
  }

  private static EnvironmentException notThawed(Token token, String why) {
    return new EnvironmentException(
        Problem.of(
                ErrorCode.FREEZE_FAILED,
                "The freeze " + token.text() + " was not undone in all: " + why + ".",
                "Mend that and thaw again; a restart of the instance ends every freeze.")
            .leaving(StateLeft.NEEDS_CLEANUP));
  }
}
