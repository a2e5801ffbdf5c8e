package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.object;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's side of one running guest. Calls belong to one thread and one comes after the other;
 * whoever has the client closes it, which ends the guest.
 */
final class GuestClient implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GuestClient.class);

  /** A guest says that it is there every second. */
  static final Duration SILENCE = Duration.ofSeconds(60);

  /** What a shell or wsl.exe may print before the guest speaks. */
  private static final int LINES_BEFORE = 100;

  private static final int WAITING_MESSAGES = 256;

  private final Supplier<String> complaints;
  private final Runnable end;
  private final String place;
  private final Ticker ticker;
  private final Duration silence;
  private final GuestLines lines;
  private final BlockingQueue<Map<String, Object>> answers =
      new ArrayBlockingQueue<>(WAITING_MESSAGES);
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "nixwsl-heartbeat");
            thread.setDaemon(true);
            return thread;
          });
  private final Thread reader = new Thread(this::listen, "nixwsl-guest");
  private volatile long heardAt;
  private volatile boolean ended;
  private volatile boolean lost;
  private long lastId;

  /** A client that nothing was heard from yet; for all but tests there is {@link #meet}. */
  GuestClient(
      GuestLines lines,
      Supplier<String> complaints,
      Runnable end,
      String place,
      Ticker ticker,
      Duration silence) {
    this.complaints = complaints;
    this.end = end;
    this.place = place;
    this.ticker = ticker;
    this.silence = silence;
    this.lines = lines;
    this.heardAt = ticker.nanos();
  }

  /** What one call is told while it runs. */
  record Listener(@Nullable StageProgress progress, GuestWire.Parts parts) {
    static Listener none() {
      return new Listener(null, new GuestWire.Parts());
    }
  }

  /**
   * Waits for the first word of a guest that was started. Takes the process over, also when it
   * fails.
   *
   * @throws EnvironmentException {@code GUEST_LOST}
   */
  static GuestClient meet(RunningProcess process, String place, Ticker ticker, Operation operation)
      throws InterruptedException {
    GuestClient client =
        new GuestClient(
            new GuestLines(process.output(), process.input()),
            process::complaints,
            process::close,
            place,
            ticker,
            SILENCE);
    client.meet(operation);
    return client;
  }

  /** Begins to listen and waits for the first word; closes this when it makes no sense. */
  void meet(Operation operation) throws InterruptedException {
    boolean met = false;
    try {
      reader.setDaemon(true);
      reader.start();
      long beat = GuestServer.HEARTBEAT.toMillis();
      ScheduledFuture<?> unused = // it ends with the timer
          timer.scheduleAtFixedRate(this::beat, beat, beat, TimeUnit.MILLISECONDS);
      Map<String, Object> hello = hello(operation);
      if (GuestWire.number(hello, "protocol") != GuestWire.PROTOCOL) {
        throw lost("it speaks another version of the protocol", null);
      }
      met = true;
    } catch (IllegalArgumentException e) {
      throw lost("its first word makes no sense: " + e.getMessage(), e);
    } finally {
      if (!met) {
        close();
      }
    }
  }

  /**
   * Has something done and waits for the answer.
   *
   * @return the fields of the result
   * @throws org.nixwsl.storage.error.StorageSdkException what the guest's call threw, or {@code
   *     GUEST_LOST}
   */
  Map<String, Object> call(
      String name, Map<String, Object> arguments, Listener listener, Operation operation)
      throws InterruptedException {
    long id = ++lastId;
    Told told = new Told(listener);
    // Kept here until the call is over: a stream may close when an interrupted thread writes to it,
    // and then the guest could not be told.
    boolean interrupted = Thread.interrupted();
    boolean cancelled = false;
    @Nullable StorageSdkException stopped = null;
    try {
      send(object("id", id, "call", name, "arguments", arguments));
      while (true) {
        interrupted |= Thread.interrupted();
        if (!cancelled && (interrupted || stopped != null || operation.cancelled())) {
          cancelled = true; // the guest ends the call by itself, and says what it left
          send(object("cancel", id));
        }
        @Nullable Map<String, Object> message = null;
        try {
          message = poll();
        } catch (InterruptedException e) {
          interrupted = true;
        }
        if (message == null) {
          continue;
        }
        if (GuestWire.number(message, "id") != id) {
          throw lost("it answers what was not asked", null);
        }
        if (message.containsKey("result")) {
          return GuestWire.map(message, "result");
        }
        if (message.containsKey("error")) {
          StorageSdkException error =
              GuestWire.error(GuestWire.map(message, "error"), listener.parts());
          throw stopped != null && error.code() == ErrorCode.CANCELLED ? stopped : error;
        }
        try {
          told.hear(message, operation);
        } catch (StorageSdkException e) {
          stopped = e; // the guest is told to end the call before this is thrown
        }
      }
    } catch (IllegalArgumentException e) {
      throw lost("what it says makes no sense: " + e.getMessage(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Events of one call, turned into progress here. */
  private static final class Told {
    private final Listener listener;
    private long bytes;
    private long items;

    Told(Listener listener) {
      this.listener = listener;
    }

    void hear(Map<String, Object> message, Operation operation) {
      if (message.containsKey("part")) {
        listener.parts().add(GuestWire.map(message, "part"));
      } else if (message.containsKey("found")) {
        operation.found(GuestWire.finding(GuestWire.map(message, "found")));
      } else if (listener.progress() != null) {
        Map<String, Object> progress = GuestWire.map(message, "progress");
        long bytesNow = GuestWire.number(progress, "bytesDone");
        long itemsNow = GuestWire.number(progress, "itemsDone");
        listener
            .progress()
            .expect(
                GuestWire.number(progress, "bytesTotal"), GuestWire.number(progress, "itemsTotal"));
        listener.progress().advance(bytesNow - bytes, itemsNow - items);
        bytes = bytesNow;
        items = itemsNow;
      }
    }
  }

  private Map<String, Object> hello(Operation operation) throws InterruptedException {
    @Nullable Map<String, Object> message = poll();
    while (message == null) {
      operation.checkCancelled();
      message = poll();
    }
    return message;
  }

  /** The next message; null when there is none yet. */
  private @Nullable Map<String, Object> poll() throws InterruptedException {
    boolean over = ended; // asked before: what came until then is in the queue
    Map<String, Object> message = answers.poll(over ? 0 : 100, TimeUnit.MILLISECONDS);
    if (message == null && over) {
      throw lost("it ended", null);
    }
    if (message == null && ticker.nanos() - heardAt > silence.toNanos()) {
      throw lost("nothing was heard from it for " + silence.toSeconds() + " s", null);
    }
    return message;
  }

  private void send(Map<String, Object> message) {
    try {
      lines.send(message);
    } catch (IOException e) {
      throw lost("it takes no calls: " + e.getMessage(), e);
    }
  }

  private void beat() {
    try {
      lines.send(object("alive", true));
    } catch (IOException e) {
      LOG.debug("the guest in {} is gone", place, e); // the reader sees its end as well
    }
  }

  private void listen() {
    try {
      int before = 0;
      for (String line = lines.line(); line != null; line = lines.line()) {
        heardAt = ticker.nanos();
        if (before >= 0 && !line.startsWith("{\"guest\":")) {
          LOG.debug("before the guest in {} speaks: {}", place, line);
          if (++before > LINES_BEFORE) {
            throw new IOException("Not a guest");
          }
          continue;
        }
        before = -1;
        Map<String, Object> message = GuestLines.parse(line);
        if (!message.containsKey("alive")) {
          answers.put(message);
        }
      }
    } catch (IOException e) {
      LOG.debug("the guest in {} cannot be understood", place, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended = true;
    }
  }

  /** Whether it ended, or makes no sense: no call can be made any more. */
  boolean lost() {
    return lost || ended;
  }

  private EnvironmentException lost(String why, @Nullable Throwable cause) {
    lost = true;
    String said = complaints.get().strip();
    Problem problem =
        Problem.of(
                ErrorCode.GUEST_LOST,
                "The program that works in "
                    + place
                    + " is lost: "
                    + why
                    + "."
                    + (said.isEmpty() ? "" : " It said: " + said),
                "Look whether that place still runs and has Java 17 or newer, and call again.")
            .leaving(StateLeft.RESUMABLE)
            .mayGoAway();
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
  }

  /** Ends the guest: end of input, a moment to let go of its locks, then by force. Idempotent. */
  @Override
  public void close() {
    timer.shutdownNow();
    end.run();
    reader.interrupt(); // it may have a message that nobody takes any more
  }
}
