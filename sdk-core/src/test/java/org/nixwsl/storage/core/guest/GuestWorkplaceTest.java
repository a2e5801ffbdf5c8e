package org.nixwsl.storage.core.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigChange.FileChange;
import org.nixwsl.storage.config.ConfigChange.ImportState;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigCheck.Step;
import org.nixwsl.storage.config.ConfigFinding;
import org.nixwsl.storage.config.ConfigFinding.Basis;
import org.nixwsl.storage.config.ConfigFinding.Rule;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StorageTree.Directory;
import org.nixwsl.storage.core.platform.StorageTree.Facts;
import org.nixwsl.storage.core.platform.StoreHost.CopySession;
import org.nixwsl.storage.core.platform.StoreHost.Measure;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** What a workplace does here and through a guest is the same; and what becomes of lost guests. */
class GuestWorkplaceTest {
  private static final InstanceName ONE = InstanceName.of("one");
  private static final UUID ID = UUID.fromString("0b7f6f0e-6f38-4c3c-8a47-5f6b3a0d1c2e");

  /** A path that is no text in any encoding. */
  private static final Path ODD = PathBytes.fromPrintable("/mnt/wsl/%FFx y%0A");

  private static final NixStore STORE = new NixStore(PathBytes.fromPrintable("/%C0nix"));
  private static final NixStore OTHER = NixStore.ofRoot(Path.of("/other"));
  private static final MountedStorage STORAGE =
      new MountedStorage(ODD, "/dev/sdx", Optional.of(ID), "ext4");
  private static final MountedStorage WITHOUT_UUID =
      new MountedStorage(Path.of("/mnt/x"), "none", Optional.empty(), "btrfs");
  private static final NixModuleSettings LEAST =
      NixModuleSettings.builder().instance(ONE).storageId(ID).build();
  private static final NixModuleSettings ALL =
      NixModuleSettings.builder()
          .instance(ONE)
          .storageId(ID)
          .mountName(MountName.of("other"))
          .waitSeconds(3)
          .fileSystemUuid(ID)
          .autoOptimiseStore(true)
          .fsyncStorePaths(false)
          .minFree(ByteSize.gibibytes(1))
          .maxFree(ByteSize.gibibytes(2))
          .verifySchedule("Sun 03:00")
          .gcSchedule("weekly")
          .gcOlderThanDays(9)
          .addDataDirectories(DataDirectory.of("/srv/db"), DataDirectory.of("/srv/x"))
          .seedGenerations(4)
          .putWslConf(WslConfOption.FILESYSTEM_UMASK, "0022")
          .build();

  private final Answers answers = new Answers();
  private final FakeHost host = new FakeHost();
  private final GuestParts parts = answers.parts(host, host, new FakeFreezer());
  private final List<Pipes> guests = new ArrayList<>();
  private final List<Thread> servers = new ArrayList<>();
  private final GuestWorkplace place =
      new GuestWorkplace(
          op -> List.of(this::guest), Optional.empty(), parts.config(), Ticker.system());

  @AfterEach
  void closeAll() throws Exception {
    place.close();
    for (Thread server : servers) {
      server.join(TimeUnit.SECONDS.toMillis(20));
      assertThat(server.isAlive()).as("each guest ends with its workplace").isFalse();
    }
    for (Pipes guest : guests) {
      guest.close();
    }
  }

  /** One thing that a workplace does. */
  private record Deed(String name, Object answer, Act act) {
    @Override
    public String toString() {
      return name;
    }
  }

  @FunctionalInterface
  private interface Act {
    Object in(Workplace place, Operation operation) throws IOException, InterruptedException;
  }

  private static Deed change(String name, Act act) {
    return new Deed(name, "nothing", act);
  }

  static Stream<Deed> deeds() {
    RunOptions options = RunOptions.ofDefaults();
    ConfigChange changed =
        new ConfigChange(
            ODD.resolve("nix-storage.nix"),
            FileChange.REPLACED,
            ImportState.LEFT_TO_USER,
            Optional.of(ODD.resolve("copy")),
            List.of("do \"this\"", "then\nthat"));
    ConfigChange unchanged =
        new ConfigChange(
            Path.of("/x"), FileChange.UNCHANGED, ImportState.PRESENT, Optional.empty(), List.of());
    ConfigCheck checked =
        new ConfigCheck(
            List.of(new Step("parse", Outcome.NOT_RUN, "no \"nix\"")),
            List.of(new ConfigFinding(Rule.MOUNT_FSTAB, Basis.EVALUATED, "x:1", "off")));
    return Stream.of(
        new Deed(
            "look",
            new Facts(
                Directory.FOREIGN,
                Optional.of(ID),
                List.of("a user", "\u00fc"),
                Optional.of("owner"),
                Optional.of("us")),
            (w, op) -> w.tree().look(STORAGE, ONE, STORE, op)),
        new Deed(
            "look",
            new Facts(
                Directory.ABSENT, Optional.empty(), List.of(), Optional.empty(), Optional.empty()),
            (w, op) -> w.tree().look(WITHOUT_UUID, ONE, STORE, op)),
        new Deed("id", Optional.of(ID), (w, op) -> w.tree().id(STORAGE, ONE)),
        new Deed("id", Optional.empty(), (w, op) -> w.tree().id(STORAGE, ONE)),
        new Deed("fingerprint", "7 8 ab cd", (w, op) -> w.tree().fingerprint(STORE, op)),
        change("claim", (w, op) -> did(() -> w.tree().claim(STORAGE, ONE, "owner"))),
        change("release", (w, op) -> did(() -> w.tree().release(STORAGE, ONE, "owner"))),
        change("removeId", (w, op) -> did(() -> w.tree().removeId(STORAGE, ONE, ID))),
        change("tidy", (w, op) -> did(() -> w.tree().tidy(STORAGE, ONE))),
        new Deed(
            "moveToTrash", Optional.of("x.2"), (w, op) -> w.tree().moveToTrash(STORAGE, ONE, "x")),
        new Deed(
            "moveToTrash", Optional.empty(), (w, op) -> w.tree().moveToTrash(STORAGE, ONE, "x")),
        new Deed("holdsNothing", true, (w, op) -> w.tree().holdsNothing(STORAGE)),
        new Deed("holdsNothing", false, (w, op) -> w.tree().holdsNothing(STORAGE)),
        new Deed("owners", List.of("a", "b"), (w, op) -> w.tree().owners(STORAGE)),
        new Deed(
            "emptyTrash",
            new ReclaimReport(List.of("a", "b"), List.of("%FF")),
            (w, op) -> w.tree().emptyTrash(STORAGE, op)),
        change("arm", (w, op) -> did(() -> w.tree().arm(ODD))),
        change("disarm", (w, op) -> did(() -> w.tree().disarm(ODD))),
        new Deed("there", true, (w, op) -> w.tree().there(ODD)),
        new Deed("there", false, (w, op) -> w.tree().there(ODD)),
        new Deed("available", true, (w, op) -> w.stillness().available(STORE)),
        new Deed("begin", "freeze.1", (w, op) -> w.stillness().begin(STORE, op)),
        change("keep", (w, op) -> did(() -> w.stillness().keep("freeze.1", ODD, op))),
        change("end", (w, op) -> did(() -> w.stillness().end(Optional.of("f"), STORE, op))),
        change("end", (w, op) -> did(() -> w.stillness().end(Optional.empty(), STORE, op))),
        new Deed("write", changed, (w, op) -> w.config().write(ODD, ALL, options)),
        new Deed("write", unchanged, (w, op) -> w.config().write(ODD, LEAST, options)),
        new Deed("validate", checked, (w, op) -> w.config().validate(ODD, options)),
        new Deed("remove", changed, (w, op) -> w.config().remove(ODD, options)));
  }

  @FunctionalInterface
  private interface Change {
    void run() throws IOException, InterruptedException;
  }

  private static Object did(Change change) throws IOException, InterruptedException {
    change.run();
    return "nothing";
  }

  @ParameterizedTest
  @MethodSource("deeds")
  void aGuestIsAskedAndAnswersAsThePartHereIs(Deed deed) {
    answers.with(deed.name(), deed.answer());
    Object here = run(deed, here());
    List<String> asked = List.copyOf(answers.asked);
    answers.asked.clear();

    Object there = run(deed, place);

    assertThat(there).isEqualTo(here).isEqualTo(deed.answer());
    assertThat(answers.asked).isEqualTo(asked).singleElement().asString().startsWith(deed.name());
  }

  @ParameterizedTest
  @MethodSource("deeds")
  void anErrorInAGuestIsTheSameErrorHere(Deed deed) {
    Problem problem = Problem.of(ErrorCode.STORE_FROZEN, "It is \"frozen\".", "Wait.");
    answers.with(deed.name(), new ConflictException(problem));

    assertThatThrownBy(() -> run(deed, place))
        .isInstanceOfSatisfying(
            ConflictException.class, e -> assertThat(e.problem()).isEqualTo(problem));
    assertThat(answers.asked).as("an answer is no reason to ask again").hasSize(1);
  }

  @Test
  void oneGuestDoesAllOfAnOperationAndNoneIsStartedForNothing() throws Exception {
    assertThat(guests).isEmpty();
    answers.with("there", true);
    for (int i = 0; i < 3; i++) {
      assertThat(there()).isTrue();
    }
    assertThat(guests).hasSize(1);
  }

  @Test
  void aGuestThatWasLostBetweenTwoCallsIsStartedAnew() throws Exception {
    answers.with("there", true);
    assertThat(there()).isTrue();
    guests.get(0).guestEnds();
    assertThat(there()).isTrue();
    assertThat(guests).hasSize(2);
  }

  @Test
  void aQuestionInWhoseMiddleTheGuestIsLostIsAskedAnother() throws Exception {
    answers.with("id", Optional.of(ID)).with("there", dying(true));
    assertThat(place.tree().id(STORAGE, ONE)).contains(ID);
    assertThat(there()).isTrue();
    assertThat(guests).hasSize(2);
  }

  @Test
  void aGuestThatIsLostInItsFirstCallIsNotReplaced() {
    answers.with("there", dying(true));
    lost(this::there);
    assertThat(guests).hasSize(1);
  }

  @Test
  void aChangeThatCannotBeRepeatedIsNotMadeTwice() throws Exception {
    answers.with("there", true).with("begin", dying("token"));
    assertThat(there()).isTrue();
    lost(() -> Operation.quiet("test", op -> place.stillness().begin(STORE, op)));
    assertThat(answers.asked).filteredOn(asked -> asked.startsWith("begin")).hasSize(1);
    assertThat(guests).hasSize(1);
  }

  /** An answer that the first guest does not live to give. */
  private Supplier<Object> dying(Object answer) {
    return () -> {
      try {
        guests.get(0).guestEnds();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return answer;
    };
  }

  @Test
  void aCopyWhoseGuestIsLostFailsAndNoOtherGuestTakesItsPlaceUntilItIsClosed() throws Exception {
    answers.with("there", true);
    Operation.quiet(
        "test",
        op -> {
          CopySession session = place.host().begin(copy(), op);
          assertThat(there()).as("in the copy the same guest answers").isTrue();
          assertThat(guests).hasSize(1);
          guests.get(0).guestEnds();
          lost(() -> session.commit(ID));
          lost(this::there);
          session.close();
          return session;
        });
    assertThat(there()).isTrue();
    assertThat(guests).hasSize(2);
    assertThat(host.steps).doesNotContain("commit " + ID);
  }

  @Test
  void aCopyThatIsClosedHasLetGoOfItsLocksAndItsGuestGoesOn() throws Exception {
    answers.with("there", true);
    Operation.quiet(
        "test",
        op -> {
          CopySession session = place.host().begin(copy(), op);
          session.close();
          session.close();
          assertThat(host.steps).containsExactly("begin", "close");
          return session;
        });
    assertThat(there()).isTrue();
    assertThat(guests).hasSize(1);
  }

  @Test
  void aCopyIntoAStoreThatStaysAndWhatIsAskedBeforeGoToTheGuest() throws Exception {
    host.measure = new Measure(1, 2, 3, 4);
    host.problems = List.of(Problem.of(ErrorCode.NO_SPACE, "Full.", "Make room."));
    Operation.quiet(
        "test",
        op -> {
          assertThat(place.host().lacking(STORE, OTHER, op)).isEqualTo(host.measure);
          assertThat(place.host().mergeRefusals(copy(), op)).isEqualTo(host.problems);
          place.host().dropMerge(OTHER, op);
          try (CopySession session = place.host().beginMerge(copy(), op)) {
            session.finish();
          }
          return true;
        });
    assertThat(host.asked).isEqualTo(copy());
    assertThat(host.steps)
        .containsExactly(
            "lacking " + STORE.directory() + " " + OTHER.directory(),
            "dropMerge " + OTHER.directory(),
            "beginMerge",
            "finish",
            "close");
    assertThat(guests).hasSize(1);
  }

  /** It keeps what is mounted: who goes on with that ends it before. */
  @Test
  void whatIsBeneathIsSeenByAGuestOfItsOwnThatEndsWhenItIsClosed() throws Exception {
    answers.with("there", true);
    GuestWorkplace below =
        new GuestWorkplace(
            op -> List.of(this::guest), Optional.empty(), parts.config(), Ticker.system());
    try (GuestWorkplace above =
        new GuestWorkplace(
            op -> List.of(this::guest), Optional.of(below), parts.config(), Ticker.system())) {
      assertThat(above.tree().there(ODD)).isTrue();
      assertThat(guests).hasSize(1);
      answers.with("there", false);
      try (Workplace.Beneath view = above.beneath().orElseThrow()) {
        assertThat(guests).as("it is started when it is needed").hasSize(1);
        assertThat(view.tree().there(view.store(NixStore.ofRoot(Path.of("/"))).database()))
            .isFalse();
        assertThat(answers.asked.get(1)).contains("/run/nixwsl/root-disk/nix/var/nix/db/db.sqlite");
        assertThat(guests).hasSize(2);
      }
      servers.get(1).join(TimeUnit.SECONDS.toMillis(20));
      assertThat(servers.get(1).isAlive()).isFalse();
      assertThat(servers.get(0).isAlive()).isTrue();
    }
  }

  @Test
  void thePlaceIsTheFirstThatHasWhatAGuestNeeds() throws Exception {
    answers.with("there", true);
    List<String> tried = new ArrayList<>();
    GuestWorkplace first =
        new GuestWorkplace(
            op -> List.of(no("a", tried), this::guest, no("c", tried)),
            Optional.empty(),
            parts.config(),
            Ticker.system());
    try (first) {
      assertThat(first.tree().there(ODD)).isTrue();
    }
    assertThat(tried).containsExactly("a");
    try (GuestWorkplace none =
        new GuestWorkplace(
            op -> List.of(no("a", tried), no("b", tried)),
            Optional.empty(),
            parts.config(),
            Ticker.system())) {
      assertThatThrownBy(() -> none.tree().there(ODD)).hasMessageContaining("none in a");
    }
  }

  private static Operation.Body<GuestClient> no(String name, List<String> tried) {
    return op -> {
      tried.add(name);
      throw new EnvironmentException(
          Problem.of(ErrorCode.TOOL_MISSING, "none in " + name, "Add it."));
    };
  }

  private static void lost(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.GUEST_LOST));
  }

  private static CopyRequest copy() {
    return CopyRequest.of(STORE, new NixStore(ODD));
  }

  private boolean there() throws IOException {
    return place.tree().there(ODD);
  }

  private Workplace here() {
    return new Workplace.Here(host, host, parts.tree(), parts.stillness(), parts.config());
  }

  private static Object run(Deed deed, Workplace place) {
    return Operation.quiet("test", operation -> deed.act().in(place, operation));
  }

  /** A guest of this JVM, joined by a socket. */
  private GuestClient guest(Operation operation) throws IOException, InterruptedException {
    Pipes pipes = new Pipes();
    guests.add(pipes);
    Thread server =
        new Thread(
            () -> {
              try {
                new GuestServer(parts, Ticker.system(), GuestServer.SILENCE, () -> {})
                    .serve(pipes.inGuest(), pipes.outOfGuest());
                pipes.guestEnds();
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    servers.add(server);
    server.start();
    GuestClient client =
        new GuestClient(
            new GuestLines(pipes.toHost(), pipes.fromHost()),
            () -> "",
            pipes::hostEnds,
            "the test",
            Ticker.system(),
            Duration.ofSeconds(60));
    client.meet(operation);
    return client;
  }
}
