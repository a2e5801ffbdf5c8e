package org.nixwsl.storage.core.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.guest.GuestWire.object;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreFreezer.Found;
import org.nixwsl.storage.core.platform.StoreFreezer.Frozen;
import org.nixwsl.storage.core.platform.StoreFreezer.Thaw;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyLevel;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/** Client and server of one JVM, joined by a socket. */
class GuestTest {
  private static final NixStore STORE = new NixStore(Path.of("/nix"));
  private static final CopyRequest COPY =
      CopyRequest.builder()
          .source(STORE)
          .target(new NixStore(Path.of("/mnt/wsl/x/y")))
          .update(true)
          .paranoid(true)
          .linkIdenticalFrom(new NixStore(Path.of("/mnt/wsl/x/z")))
          .build();
  static final StoreFinding ODD =
      new StoreFinding("/nix/store/%FFx", Verdict.MODIFIED, "quotes \" and\nlines and \u00fc");

  private final FakeHost host = new FakeHost();
  private final FakeFreezer freezer = new FakeFreezer();
  private final GuestParts parts = new Answers().parts(host, host, freezer);
  private final List<StorageEvent> events = new ArrayList<>();
  private final CancellationToken token = new CancellationToken();
  private final List<AutoCloseable> open = new ArrayList<>();
  private Duration silence = Duration.ofSeconds(60);
  private final CountDownLatch halted = new CountDownLatch(1);
  @TempDir private Path folder;
  private @Nullable Thread server;

  @AfterEach
  void closeAll() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    if (server != null) {
      server.join(TimeUnit.SECONDS.toMillis(20));
      assertThat(server.isAlive()).as("the guest ends when its host is gone").isFalse();
    }
  }

  @Test
  void aMeasureAndTheReasonsToRefuseComeBackAsTheyWere() throws Exception {
    GuestClient guest = connect();
    host.measure = new StoreHost.Measure(1, Long.MAX_VALUE, 3, 1L << 40);
    host.problems =
        List.of(
            Problem.of(ErrorCode.NO_SPACE, "full", "make room"),
            Problem.of(ErrorCode.NOT_ROOT, "not root", "be root")
                .mayGoAway()
                .leaving(StateLeft.UNKNOWN));

    StoreHost.Measure measure =
        GuestWire.measure(run(op -> guest.call("measure", measured(), Listener.none(), op)));
    List<Problem> problems =
        GuestWire.problems(
            run(
                op ->
                    guest.call(
                        "refusals",
                        object(
                            "request",
                            GuestWire.copyRequest(COPY),
                            "measure",
                            GuestWire.measure(measure)),
                        Listener.none(),
                        op)));

    assertThat(measure).isEqualTo(host.measure);
    assertThat(problems).isEqualTo(host.problems);
    assertThat(host.asked).isEqualTo(COPY);
  }

  @Test
  void theCallsOfAFreezeAndTheirAnswersComeThroughAsTheyWere() throws Exception {
    GuestFreezer guest = new GuestFreezer(connect());
    Found found = new Found(FakeFreezer.TOKEN, "locking", true, false, true);
    Path mark = Path.of("/mnt/wsl/x y/.nix-storage-id");

    Frozen frozen = freezing(op -> guest.begin(FakeFreezer.OPTIONS, op));
    assertThat(frozen).isEqualTo(FakeFreezer.FROZEN);
    assertThat(freezing(guest::find)).isEmpty();
    freezer.found = Optional.of(found);
    assertThat(freezing(guest::find)).contains(found);
    assertThat(freezing(guest::fingerprint)).isEqualTo(FakeFreezer.FINGERPRINT);
    Thaw thaw = freezing(op -> guest.thaw(FakeFreezer.TOKEN, op));
    assertThat(thaw).isEqualTo(Thaw.OTHER_BOOT);
    freezing(
        op -> {
          guest.check(FakeFreezer.TOKEN, op);
          guest.hold(FakeFreezer.TOKEN, Optional.of(mark), op);
          guest.hold(FakeFreezer.TOKEN, Optional.empty(), op);
          return mark;
        });

    assertThat(freezer.asked)
        .containsExactly(
            FakeFreezer.OPTIONS,
            FakeFreezer.TOKEN,
            FakeFreezer.TOKEN,
            FakeFreezer.TOKEN,
            Optional.of(mark),
            FakeFreezer.TOKEN,
            Optional.empty());
  }

  @Test
  void aFreezeCanBeAStepOfACopy() throws Exception {
    GuestClient guest = connect();
    run(op -> guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op));

    assertThat(freezing(new GuestFreezer(guest)::fingerprint)).isEqualTo(FakeFreezer.FINGERPRINT);
    run(op -> guest.call("close", Map.of(), Listener.none(), op));
    assertThat(host.closed.getCount()).isZero();
  }

  private static <T> T freezing(Operation.Body<T> body) {
    return Operation.quiet("freeze", body);
  }

  @Test
  void aReportWithMoreFindingsThanAnyLineHoldsComesBackAsItWas() throws Exception {
    GuestClient guest = connect();
    List<StoreFinding> many = new ArrayList<>(List.of(ODD));
    for (int i = 0; i < 5000; i++) {
      many.add(new StoreFinding("/nix/store/" + i, Verdict.MISSING, "x".repeat(500)));
    }
    VerifyReport report =
        new VerifyReport(
            VerifyLevel.LINKS,
            9,
            ByteSize.ofBytes(77),
            Duration.ofNanos(123_456_789_012L),
            many,
            List.of("a note"));
    host.verified = report;
    VerifyRequest request = VerifyRequest.builder().store(STORE).threads(3).build();
    Listener listener = Listener.none();

    VerifyReport back =
        GuestWire.verifyReport(
            run(op -> guest.call("verify", GuestWire.verifyRequest(request), listener, op)),
            listener.parts());

    assertThat(back).isEqualTo(report);
    assertThat(host.verifyRequest).isEqualTo(request);
  }

  static Stream<StorageSdkException> errors() {
    Problem problem =
        Problem.of(ErrorCode.STORE_CHANGED, "it \"changed\"", "again").leaving(StateLeft.RESUMABLE);
    return Stream.of(
        new CommandException(problem, List.of("a", "b c"), -1, "out\nput"),
        new ConflictException(problem),
        new DiskException(problem),
        new EnvironmentException(problem),
        new IntegrityException(problem, List.of(ODD, ODD)),
        new OperationCancelledException(problem));
  }

  @ParameterizedTest
  @MethodSource("errors")
  void whatTheGuestThrowsIsThrownHere(StorageSdkException error) throws Exception {
    GuestClient guest = connect();
    host.failure = error;

    assertThatThrownBy(() -> run(op -> guest.call("measure", measured(), Listener.none(), op)))
        .isExactlyInstanceOf(error.getClass())
        .satisfies(e -> assertThat(((StorageSdkException) e).problem()).isEqualTo(error.problem()))
        .satisfies(
            e -> {
              if (e instanceof IntegrityException integrity) {
                assertThat(integrity.findings()).containsExactly(ODD, ODD);
              } else if (e instanceof CommandException command) {
                assertThat(command.command()).containsExactly("a", "b c");
                assertThat(command.exitCode()).isEqualTo(-1);
                assertThat(command.output()).isEqualTo("out\nput");
              }
            });
  }

  @Test
  void aCopyIsToldOfAndEndsWithItsSessionClosed() throws Exception {
    GuestClient guest = connect();
    host.found = ODD;
    UUID id = UUID.randomUUID();

    run(
        op -> {
          guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
          op.runStage(
              Stage.COPY,
              progress ->
                  guest.call(
                      "copyPaths", Map.of(), new Listener(progress, new GuestWire.Parts()), op));
          guest.call("copyState", Map.of(), Listener.none(), op);
          guest.call("prove", Map.of(), Listener.none(), op);
          guest.call("commit", object("storageId", id.toString()), Listener.none(), op);
          Listener report = Listener.none();
          assertThat(
                  GuestWire.copyReport(guest.call("report", Map.of(), report, op), report.parts()))
              .isEqualTo(host.report());
          guest.call("close", Map.of(), Listener.none(), op);
          assertThat(host.steps)
              .containsExactly("begin", "copyPaths", "copyState", "prove", "commit " + id, "close");
          return object();
        });

    assertThat(events.stream().filter(StorageEvent.Found.class::isInstance))
        .extracting(event -> ((StorageEvent.Found) event).finding())
        .containsExactly(ODD);
    assertThat(events.stream().filter(StorageEvent.Progress.class::isInstance))
        .extracting(event -> ((StorageEvent.Progress) event).bytesTotal())
        .contains(1000L);
  }

  @Test
  void aCancellationReachesTheStepUnderWayAndItsErrorComesBack() throws Exception {
    GuestClient guest = connect();
    host.waitsInCopy = true;
    Thread canceller =
        new Thread(
            () -> {
              try {
                host.inCopy.await();
                token.cancel();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    canceller.start();

    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
                      return guest.call("copyPaths", Map.of(), Listener.none(), op);
                    }))
        .isInstanceOf(OperationCancelledException.class)
        .satisfies(
            e -> assertThat(((StorageSdkException) e).stateLeft()).isEqualTo(StateLeft.RESUMABLE));
    assertThat(host.steps).doesNotContain("copyPaths");
  }

  @Test
  void aStepThatItsOwnProgressStopsIsEndedInTheGuestAndSaysWhy() throws Exception {
    GuestClient guest = connect();
    host.waitsInCopy = true;
    StorageSdkException full =
        new EnvironmentException(Problem.of(ErrorCode.NO_SPACE, "full", "make room"));

    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
                      return op.stage(
                          Stage.COPY,
                          progress -> {
                            progress.watching(
                                () -> {
                                  throw full;
                                });
                            Listener told = new Listener(progress, new GuestWire.Parts());
                            return guest.call("copyPaths", Map.of(), told, op);
                          });
                    }))
        .isSameAs(full);
    assertThat(host.steps).doesNotContain("copyPaths");
    run(op -> guest.call("close", Map.of(), Listener.none(), op));
    assertThat(host.steps).endsWith("close");
  }

  @Test
  void anInterruptionOfTheCallerCancelsTheStepAndIsNotLost() throws Exception {
    GuestClient guest = connect();
    host.waitsInCopy = true;
    Thread caller = Thread.currentThread();
    Thread interrupter =
        new Thread(
            () -> {
              try {
                host.inCopy.await();
                caller.interrupt();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    interrupter.start();

    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
                      return guest.call("copyPaths", Map.of(), Listener.none(), op);
                    }))
        .isInstanceOf(OperationCancelledException.class);
    assertThat(Thread.interrupted()).as("the caller is still interrupted").isTrue();
  }

  @Test
  void aCallerThatWasInterruptedBeforeIsCancelledAndTheGuestIsNotLost() throws Exception {
    GuestClient guest = connect();
    host.waitsInCopy = true;

    assertThatThrownBy(
            () ->
                run(
                    op -> {
                      guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
                      Thread.currentThread().interrupt();
                      return guest.call("copyPaths", Map.of(), Listener.none(), op);
                    }))
        .isInstanceOf(OperationCancelledException.class);
    assertThat(Thread.interrupted()).as("the caller is still interrupted").isTrue();
    assertThat(host.steps).doesNotContain("copyPaths");
  }

  @Test
  void aGuestThatLosesItsHostCancelsAndClosesItsSession() throws Exception {
    GuestClient guest = connect();
    host.waitsInCopy = true;
    Thread caller =
        new Thread(
            () -> {
              try {
                run(
                    op -> {
                      guest.call("begin", GuestWire.copyRequest(COPY), Listener.none(), op);
                      return guest.call("copyPaths", Map.of(), Listener.none(), op);
                    });
              } catch (EnvironmentException e) {
                host.seenByCaller = e;
              }
            });
    caller.start();
    assertThat(host.inCopy.await(20, TimeUnit.SECONDS)).isTrue();

    guest.close();
    caller.join(TimeUnit.SECONDS.toMillis(20));

    assertThat(host.closed.await(20, TimeUnit.SECONDS)).as("the session is closed").isTrue();
    assertThat(host.steps).containsExactly("begin", "close");
    EnvironmentException seen = Objects.requireNonNull(host.seenByCaller);
    assertThat(seen.code()).isEqualTo(ErrorCode.GUEST_LOST);
    assertThat(seen.stateLeft()).isEqualTo(StateLeft.RESUMABLE);
  }

  @Test
  void aGuestThatHearsNothingForTooLongCommitsNothing() throws Exception {
    silence = Duration.ofMillis(300);
    Pipes pipes = pipes();
    serve(pipes);
    GuestLines lines = new GuestLines(pipes.toHost(), pipes.fromHost());
    lines.send(object("id", 1, "call", "begin", "arguments", GuestWire.copyRequest(COPY)));

    // The host stays connected and says nothing more.
    assertThat(host.closed.await(20, TimeUnit.SECONDS)).as("the session is closed").isTrue();

    assertThat(host.steps).containsExactly("begin", "close");
  }

  @Test
  void aCancellationThatIsReadBeforeItsCallIsBegunIsNotLost() throws Exception {
    host.measureTakes = new CountDownLatch(1);
    Pipes pipes = pipes();
    serve(pipes);
    GuestLines lines = new GuestLines(pipes.toHost(), pipes.fromHost());
    lines.send(object("id", 1, "call", "measure", "arguments", measured()));
    lines.send(object("id", 2, "call", "begin", "arguments", GuestWire.copyRequest(COPY)));
    lines.send(object("id", 3, "call", "copyPaths", "arguments", object()));
    lines.send(object("cancel", 3));
    lines.send(object("id", 4, "call", "close", "arguments", object()));
    assertThat(host.inMeasure.await(20, TimeUnit.SECONDS)).isTrue();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!host.measuredIsCancelled() && System.nanoTime() < end) {
      Thread.onSpinWait(); // until the cancellation was read: it ends the earlier call as well
    }
    Objects.requireNonNull(host.measureTakes).countDown();

    assertThat(answer(lines, 3)).containsKey("error");
    assertThat(host.steps).doesNotContain("copyPaths");
  }

  @Test
  void aGuestWhoseHostReadsNothingIsEndedThoughItIsStuckInAWrite() throws Exception {
    silence = Duration.ofMillis(300);
    host.problems =
        List.of(Problem.of(ErrorCode.NO_SPACE, "x".repeat(900_000), "more than any pipe holds"));
    Pipes pipes = pipes();
    serve(pipes);
    new GuestLines(pipes.toHost(), pipes.fromHost())
        .send(
            object(
                "id",
                1,
                "call",
                "refusals",
                "arguments",
                object(
                    "request",
                    GuestWire.copyRequest(COPY),
                    "measure",
                    GuestWire.measure(host.measure))));

    assertThat(halted.await(20, TimeUnit.SECONDS)).as("the guest was ended").isTrue();
  }

  @Test
  void aShellThatHangsBeforeItTakesTheProgramIsLeftWhenTheCallerCancels() throws Exception {
    Path jar = Files.write(folder.resolve("guest.jar"), new byte[1 << 20]);
    GuestLauncher launcher =
        new GuestLauncher(
            new ProgramShell(
                new ProcessRunner(), "a shell", List.of("sh", "-c", "exec sleep 300", "sh")),
            GuestProgram.at(jar),
            op -> Optional.empty(),
            Ticker.system());
    Thread canceller =
        new Thread(
            () -> {
              try {
                Ticker.system().pause(Duration.ofMillis(300));
                token.cancel();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    canceller.start();

    try (GuestWorkplace place = GuestWorkplace.of(launcher, parts.config(), Ticker.system())) {
      assertThatThrownBy(() -> place.host().measure(STORE, operation()))
          .isInstanceOf(OperationCancelledException.class);
    }
  }

  private Operation operation() {
    Operation[] operation = new Operation[1];
    run(
        op -> {
          operation[0] = op;
          return object();
        });
    return operation[0];
  }

  private static Map<String, Object> answer(GuestLines lines, long id) throws IOException {
    while (true) {
      Map<String, Object> message = GuestLines.parse(Objects.requireNonNull(lines.line()));
      boolean is = Long.valueOf(id).equals(asLong(message.get("id")));
      if (is && (message.containsKey("result") || message.containsKey("error"))) {
        return message;
      }
    }
  }

  private static @Nullable Long asLong(@Nullable Object number) {
    return number instanceof Number n ? n.longValue() : null;
  }

  private void halt(Pipes pipes) {
    try {
      pipes.guestEnds();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    halted.countDown();
  }

  @Test
  void anotherVersionOfTheProtocolIsRefused() throws Exception {
    assertThatThrownBy(() -> meets("{\"guest\":\"nixwsl\",\"protocol\":99}\n"))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("another version");
  }

  @Test
  void whatAShellPrintsBeforeTheGuestSpeaksIsPassedOver() throws Exception {
    meets("wsl: warning\n\n{\"guest\":\"nixwsl\",\"protocol\":1}\n");
  }

  static Stream<String> nonsense() {
    String hello = "{\"guest\":\"nixwsl\",\"protocol\":1}\n";
    return Stream.of(
        "",
        "no guest\n".repeat(200),
        "x".repeat(2 << 20),
        hello + "{",
        hello + "[1]\n",
        hello + "{\"id\":1}\n",
        hello + "{\"id\":7,\"result\":{}}\n",
        hello + "{\"id\":1,\"error\":{\"code\":\"NO_SUCH_CODE\"}}\n",
        hello + "{\"id\":\"1\",\"result\":{}}\n",
        hello + "{\"id\":1,\"progress\":3}\n",
        hello + "\u0000\u0001\n");
  }

  @ParameterizedTest
  @MethodSource("nonsense")
  void aGuestThatMakesNoSenseIsLostAndNothingElse(String said) {
    assertThatThrownBy(
            () -> {
              GuestClient guest = meets(said);
              run(
                  op ->
                      guest.call(
                          "measure", measured(), new Listener(null, new GuestWire.Parts()), op));
            })
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("It said: the complaint")
        .satisfies(
            e -> assertThat(((StorageSdkException) e).code()).isEqualTo(ErrorCode.GUEST_LOST));
  }

  @Test
  void aPathOfAnyBytesArrivesWithItsBytes() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 500; i++) {
      byte[] bytes = new byte[2 + random.nextInt(40)];
      random.nextBytes(bytes);
      for (int j = 0; j < bytes.length; j++) {
        if (bytes[j] == 0 || bytes[j] == '/' || bytes[j] == '.') {
          bytes[j] = 'x';
        }
      }
      bytes[0] = '/';
      NixStore store = new NixStore(PathBytes.toAbsolutePath(bytes));

      NixStore back = GuestWire.store(GuestWire.store(store));

      assertThat(PathBytes.of(back.directory())).as("seed " + seed).isEqualTo(bytes);
    }
  }

  // --- The two sides

  private Pipes pipes() throws IOException {
    Pipes pipes = new Pipes();
    open.add(pipes);
    return pipes;
  }

  private GuestClient connect() throws Exception {
    Pipes pipes = pipes();
    serve(pipes);
    return client(pipes);
  }

  private void serve(Pipes pipes) {
    server =
        new Thread(
            () -> {
              try {
                new GuestServer(parts, Ticker.system(), silence, () -> halt(pipes))
                    .serve(pipes.inGuest(), pipes.outOfGuest());
                pipes.guestEnds();
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    server.start();
  }

  private GuestClient client(Pipes pipes) throws Exception {
    GuestClient client =
        new GuestClient(
            new GuestLines(pipes.toHost(), pipes.fromHost()),
            () -> "the complaint",
            pipes::hostEnds,
            "the test",
            Ticker.system(),
            Duration.ofSeconds(60));
    open.add(0, client);
    run(
        op -> {
          client.meet(op);
          return object();
        });
    return client;
  }

  /** A client of a guest that says just that and ends. */
  private GuestClient meets(String said) throws Exception {
    Pipes pipes = pipes();
    Thread speaker =
        new Thread(
            () -> {
              try (OutputStream out = pipes.outOfGuest()) {
                out.write(said.getBytes(StandardCharsets.UTF_8));
              } catch (SocketException e) {
                host.problems = List.of(); // nobody listens any more, which is what is tested
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    speaker.setDaemon(true); // a client that gave up reads no further
    speaker.start();
    return client(pipes);
  }

  private static Map<String, Object> measured() {
    return GuestWire.store(STORE);
  }

  private Map<String, Object> run(Operation.Body<Map<String, Object>> body) {
    return Operation.run(
        "test",
        RunOptions.builder().on(StorageEvent.class, events::add).cancelWith(token).build(),
        Ticker.system(),
        Map.of(),
        body);
  }
}
