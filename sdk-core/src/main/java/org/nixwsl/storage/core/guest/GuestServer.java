package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.object;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.VerifyReport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The guest's side: does what the host asks for, one call after the other, and answers. When the
 * host goes away, which is end of input or too long a silence, the call under way is cancelled and
 * nothing new begins: a guest that nobody listens to must not change a store.
 *
 * <p>Serves one host once. {@link #serve} belongs to one thread.
 */
public final class GuestServer {
  private static final Logger LOG = LoggerFactory.getLogger(GuestServer.class);

  /** A host that is well says so every few seconds. */
  public static final Duration SILENCE = Duration.ofSeconds(60);

  static final Duration HEARTBEAT = Duration.ofSeconds(5);

  /** The host sends one call at a time; more than these waiting is not our host. */
  private static final int WAITING_CALLS = 16;

  private final GuestParts parts;
  private final Ticker ticker;
  private final Duration silence;
  private final Runnable abandoned;
  private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>(WAITING_CALLS);
  private final CancellationToken gone = new CancellationToken();
  private volatile long heardAt;

  // Guarded by this: a cancellation may come before its call is begun.
  private @Nullable Call underWay;
  private long cancelledUpTo = -1;

  /**
   * A guest that works with these.
   *
   * @param silence how long nothing may be heard from the host; {@link #SILENCE}
   * @param abandoned ends the program. Run when the host is silent for twice as long: the guest
   *     then waits for a host that reads nothing, in a write that nothing interrupts, and holds its
   *     locks
   */
  public GuestServer(GuestParts parts, Ticker ticker, Duration silence, Runnable abandoned) {
    this.parts = parts;
    this.ticker = ticker;
    this.silence = silence;
    this.abandoned = abandoned;
  }

  private record Call(
      long id, String name, Map<String, Object> arguments, CancellationToken token) {}

  /** What a call does; the result is the answer's fields. */
  @FunctionalInterface
  private interface Task {
    Map<String, Object> run(Operation operation) throws IOException, InterruptedException;
  }

  /** Serves until the host is gone. Closes neither stream. */
  public void serve(InputStream in, OutputStream out) throws InterruptedException {
    GuestLines lines = new GuestLines(in, out);
    heardAt = ticker.nanos();
    // Two threads: where the host reads nothing, the heartbeat is stuck in its write, and that is
    // when the silence has to be noticed.
    ScheduledExecutorService timer =
        Executors.newScheduledThreadPool(2, task -> daemon(task, "nixwsl-heartbeat"));
    try {
      lines.send(object("guest", "nixwsl", "protocol", GuestWire.PROTOCOL));
      daemon(() -> listen(lines), "nixwsl-host").start();
      long second = HEARTBEAT.toMillis() / 5;
      ScheduledFuture<?> beats = // both end with the timer
          timer.scheduleAtFixedRate(() -> beat(lines), 0, second, TimeUnit.MILLISECONDS);
      ScheduledFuture<?> watch =
          timer.scheduleAtFixedRate(this::watch, second, second, TimeUnit.MILLISECONDS);
      LOG.debug("serving with {} and {}", beats, watch);
      for (Call call = next(); call != null; call = next()) {
        handle(call, lines);
      }
    } catch (IOException | UncheckedIOException e) {
      LOG.info("the host is gone", e);
    } finally {
      timer.shutdownNow();
    }
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  // --- What comes in

  private void listen(GuestLines lines) {
    try {
      for (String line = lines.line(); line != null; line = lines.line()) {
        heardAt = ticker.nanos();
        Map<String, Object> message = GuestLines.parse(line);
        if (message.containsKey("cancel")) {
          cancel(GuestWire.number(message, "cancel"));
        } else if (message.containsKey("call")) {
          accept(message);
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("what the host says makes no sense", e);
    } finally {
      hostIsGone();
    }
  }

  private void accept(Map<String, Object> message) {
    Call call =
        new Call(
            GuestWire.number(message, "id"),
            GuestWire.text(message, "call"),
            GuestWire.map(message, "arguments"),
            new CancellationToken());
    if (!calls.offer(call)) {
      throw new IllegalArgumentException("more than " + WAITING_CALLS + " calls at once");
    }
  }

  private synchronized void cancel(long id) {
    cancelledUpTo = Math.max(cancelledUpTo, id);
    Call call = underWay;
    if (call != null && call.id() <= id) { // the copy that a step belongs to began before it
      call.token().cancel();
    }
  }

  private synchronized void hostIsGone() {
    gone.cancel();
    Call call = underWay;
    if (call != null) {
      call.token().cancel();
    }
  }

  private void watch() {
    long silent = ticker.nanos() - heardAt;
    if (silent > silence.toNanos()) {
      LOG.warn("nothing was heard from the host for {}", silence);
      hostIsGone();
    }
    if (silent > 2 * silence.toNanos()) {
      abandoned.run();
    }
  }

  private void beat(GuestLines lines) {
    try {
      lines.send(object("alive", true));
    } catch (IOException e) {
      LOG.info("the host is gone", e);
      hostIsGone();
    }
  }

  /** The next call; null when the host is gone. */
  private @Nullable Call next() throws InterruptedException {
    while (!gone.cancelled()) {
      Call call = calls.poll(100, TimeUnit.MILLISECONDS);
      if (call != null) {
        return call;
      }
    }
    return null;
  }

  // --- What is done

  private void handle(Call call, GuestLines lines) throws IOException, InterruptedException {
    switch (call.name()) {
      case "measure" ->
          alone(
              call,
              lines,
              operation ->
                  GuestWire.measure(
                      parts.host().measure(GuestWire.store(call.arguments()), operation)));
      case "refusals" ->
          alone(
              call,
              lines,
              operation -> {
                List<Problem> problems =
                    parts
                        .host()
                        .refusals(
                            GuestWire.copyRequest(GuestWire.map(call.arguments(), "request")),
                            GuestWire.measure(GuestWire.map(call.arguments(), "measure")),
                            operation);
                return GuestWire.problems(problems);
              });
      case "verify" -> verify(call, lines);
      case "begin" -> copy(call, lines, parts.host()::begin);
      case "beginMerge" -> copy(call, lines, parts.host()::beginMerge);
      default ->
          alone(call, lines, operation -> parts.answer(call.name(), call.arguments(), operation));
    }
  }

  /** A call that is an operation of its own. */
  private void alone(Call call, GuestLines lines, Task task) throws IOException {
    begun(call);
    answer(
        call.id(),
        lines,
        () ->
            Operation.run(
                call.name(), options(call, () -> call.id(), lines), ticker, Map.of(), task::run));
  }

  private void verify(Call call, GuestLines lines) throws IOException {
    begun(call);
    answer(
        call.id(),
        lines,
        () -> {
          VerifyReport report =
              parts
                  .verifier()
                  .verify(
                      GuestWire.verifyRequest(call.arguments()),
                      options(call, () -> call.id(), lines));
          send(call.id(), lines, report.findings(), List.of(), report.notes());
          return GuestWire.verifyReport(report);
        });
  }

  /** How a copy is begun. */
  @FunctionalInterface
  private interface Beginning {
    CopySession begin(CopyRequest request, Operation operation)
        throws IOException, InterruptedException;
  }

  /** All steps of a copy are one operation, as its session holds on to it. */
  private void copy(Call begin, GuestLines lines, Beginning beginning)
      throws IOException, InterruptedException {
    begun(begin);
    long[] step = {begin.id()};
    boolean[] answered = {false};
    try {
      Operation.run(
          "copy a store",
          options(begin, () -> step[0], lines),
          ticker,
          Map.of(),
          operation -> {
            try (CopySession session =
                beginning.begin(GuestWire.copyRequest(begin.arguments()), operation)) {
              answered[0] = true;
              result(begin.id(), lines, object());
              Call call = next();
              for (; call != null && !call.name().equals("close"); call = next()) {
                step[0] = call.id();
                Call asked = call;
                answer(
                    call.id(),
                    lines,
                    () ->
                        operation.translating(
                            asked.name(), () -> step(asked, session, operation, lines)));
              }
              step[0] = call == null ? step[0] : call.id();
            }
            return Boolean.TRUE;
          });
      result(step[0], lines, object()); // the session is closed and its locks are free
    } catch (StorageSdkException e) {
      error(answered[0] ? step[0] : begin.id(), lines, e);
    }
  }

  private Map<String, Object> step(
      Call call, CopySession session, Operation operation, GuestLines lines)
      throws IOException, InterruptedException {
    switch (call.name()) {
      case "copyPaths" -> operation.runStage(Stage.COPY, session::copyPaths);
      case "copyState" -> operation.runStage(Stage.STATE, session::copyState);
      case "prove" -> operation.runStage(Stage.PROVE, session::prove);
      case "finish" -> {
        operation.checkCancelled();
        session.finish();
      }
      case "commit" -> {
        operation.checkCancelled(); // a host that is gone cannot learn of it
        session.commit(UUID.fromString(GuestWire.text(call.arguments(), "storageId")));
      }
      case "report" -> {
        CopyReport report = session.report();
        send(call.id(), lines, report.findings(), report.leftOut(), report.notes());
        return GuestWire.copyReport(report);
      }
      default -> {
        return parts.answer(call.name(), call.arguments(), operation);
      }
    }
    return object();
  }

  private synchronized void begun(Call call) {
    underWay = call;
    if (gone.cancelled() || call.id() <= cancelledUpTo) {
      call.token().cancel();
    }
  }

  /**
   * The call's own step is asked for at each event: a copy's events belong to the step it is at.
   */
  private static RunOptions options(Call call, LongSupplier step, GuestLines lines) {
    return RunOptions.builder()
        .cancelWith(call.token())
        .on(
            StorageEvent.Progress.class,
            event ->
                unchecked(
                    () ->
                        lines.send(
                            object(
                                "id",
                                step.getAsLong(),
                                "progress",
                                object(
                                    "bytesDone",
                                    event.bytesDone(),
                                    "bytesTotal",
                                    event.bytesTotal(),
                                    "itemsDone",
                                    event.itemsDone(),
                                    "itemsTotal",
                                    event.itemsTotal())))))
        .on(
            StorageEvent.Found.class,
            event ->
                unchecked(
                    () ->
                        lines.send(
                            object(
                                "id",
                                step.getAsLong(),
                                "found",
                                GuestWire.finding(event.finding())))))
        .build();
  }

  // --- What goes out

  @FunctionalInterface
  private interface Answer {
    Map<String, Object> get() throws IOException;
  }

  @FunctionalInterface
  private interface Sending {
    void run() throws IOException;
  }

  private static void unchecked(Sending sending) {
    try {
      sending.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void answer(long id, GuestLines lines, Answer answer) throws IOException {
    Map<String, Object> fields;
    try {
      fields = answer.get();
    } catch (StorageSdkException e) {
      error(id, lines, e);
      return;
    }
    result(id, lines, fields);
  }

  private static void send(
      long id,
      GuestLines lines,
      List<StoreFinding> findings,
      List<String> leftOut,
      List<String> notes)
      throws IOException {
    for (StoreFinding finding : findings) {
      lines.send(object("id", id, "part", object("finding", GuestWire.finding(finding))));
    }
    for (String entry : leftOut) {
      lines.send(object("id", id, "part", object("leftOut", entry)));
    }
    for (String note : notes) {
      lines.send(object("id", id, "part", object("note", note)));
    }
  }

  private static void result(long id, GuestLines lines, Map<String, Object> fields)
      throws IOException {
    lines.send(object("id", id, "result", fields));
  }

  private static void error(long id, GuestLines lines, StorageSdkException e) throws IOException {
    if (e instanceof IntegrityException integrity) {
      send(id, lines, integrity.findings(), List.of(), List.of());
    }
    lines.send(object("id", id, "error", GuestWire.error(e)));
  }
}
