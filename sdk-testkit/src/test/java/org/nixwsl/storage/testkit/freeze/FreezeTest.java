package org.nixwsl.storage.testkit.freeze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.guest.GuestFreezer;
import org.nixwsl.storage.core.platform.StoreFreezer.Fingerprint;
import org.nixwsl.storage.core.platform.StoreFreezer.Found;
import org.nixwsl.storage.core.platform.StoreFreezer.Frozen;
import org.nixwsl.storage.core.platform.StoreFreezer.Options;
import org.nixwsl.storage.core.platform.StoreFreezer.Thaw;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.testcontainers.containers.Container.ExecResult;

/** Freezes of an instance with a real systemd and a real Nix daemon, which are the judges. */
@Tag("once")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FreezeTest {
  private Optional<String> why = Optional.empty();

  /** There unless all tests are skipped. */
  @SuppressWarnings("NullAway.Init")
  private FreezeMachine machine;

  @SuppressWarnings("NullAway.Init")
  private GuestFreezer caller;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    why = NixContainer.whyUnavailable();
    if (why.isEmpty()) {
      machine = new FreezeMachine(directory);
      caller = machine.caller();
    }
  }

  /** Not before all: tests that are skipped there are counted nowhere. */
  @BeforeEach
  void needsAContainer() {
    assumeTrue(why.isEmpty(), why.orElse(""));
  }

  @AfterEach
  void leavesTheMachineAsItWas() throws Exception {
    if (machine != null) {
      assertThat(machine.facts()).isEqualTo(machine.unfrozen());
    }
  }

  @AfterAll
  void stop() {
    if (caller != null) {
      caller.close();
    }
    if (machine != null) {
      machine.close();
    }
  }

  @Test
  void nothingCanChangeAFrozenStoreAndEverythingWorksAgainAfterTheThaw() throws Exception {
    Fingerprint before = ask(caller::fingerprint);
    Frozen frozen = freeze(caller, brief());

    assertThat(frozen.fingerprint()).isEqualTo(before);
    for (String unit : List.of("nix-daemon.socket", "nix-daemon.service")) {
      assertThat(machine.run("systemctl start " + unit).getExitCode()).as(unit).isNotZero();
      assertThat(machine.run("systemctl is-active " + unit).getStdout()).isEqualTo("inactive\n");
    }
    for (String command :
        List.of(
            "echo new >/root/new; NIX_REMOTE=local nix-store --add /root/new",
            "NIX_REMOTE=daemon nix-store --add /root/new",
            "nix-env -p /nix/var/nix/profiles/test -G 1",
            "nix-env -p /nix/var/nix/profiles/test --delete-generations 1",
            "NIX_REMOTE=local nix-collect-garbage -d",
            "ln -s x /nix/var/nix/profiles/mine",
            "NIX_REMOTE=daemon nix-store --gc")) {
      assertThat(machine.run(command).getExitCode()).as(command).isNotZero();
    }
    assertThat(ask(caller::fingerprint)).isEqualTo(before);
    assertThat(thaw(caller, frozen.token())).isEqualTo(Thaw.DONE);

    assertThat(machine.facts()).isEqualTo(machine.unfrozen());
    machine.in("nix-env -p /nix/var/nix/profiles/test --rollback");
    Fingerprint switched = ask(caller::fingerprint);
    assertThat(switched.roots()).isNotEqualTo(before.roots());
    assertThat(switched.digest()).isEqualTo(before.digest());
    machine.in("NIX_REMOTE=daemon nix-store --add /root/new");
    assertThat(ask(caller::fingerprint).digest()).isNotEqualTo(before.digest());
    assertThat(thaw(caller, frozen.token())).isEqualTo(Thaw.ENDED_BEFORE);
  }

  @Test
  void theTimerOfTheGarbageCollectorDoesNotFireWhileTheStoreIsFrozen() throws Exception {
    machine.in(
        """
        cat >/run/systemd/system/nix-gc.service <<'UNIT'
        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'echo fired >/run/fired'
        UNIT
        cat >/run/systemd/system/nix-gc.timer <<'UNIT'
        [Timer]
        OnActiveSec=1
        OnUnitInactiveSec=1
        AccuracySec=100ms
        UNIT
        systemctl daemon-reload
        systemctl start nix-gc.timer
        """);
    assertThat(machine.comes("fired\n", "cat /run/fired")).as("before").isTrue();
    Frozen frozen = freeze(caller, brief());
    machine.in("rm -f /run/fired");
    assertThat(machine.run("systemctl start nix-gc.timer").getExitCode()).isNotZero();
    machine.in("sleep 2.5; test ! -e /run/fired");
    thaw(caller, frozen.token());
    assertThat(machine.comes("fired\n", "cat /run/fired")).as("after the thaw").isTrue();
    machine.in(
        """
        systemctl stop nix-gc.timer
        rm /run/systemd/system/nix-gc.* /run/fired
        systemctl daemon-reload
        """);
  }

  @Test
  void aProcessWithMountsOfItsOwnSeesTheFreezeOrIsNamed() throws Exception {
    machine.in(
        """
        unshare --mount --propagation slave sleep 600 &
        echo $! >/run/slave
        """);
    Frozen frozen = freeze(caller, brief());
    assertThat(
            machine
                .run("nsenter -t $(cat /run/slave) -m touch /nix/var/nix/profiles/x")
                .getStderr())
        .contains("Read-only file system");
    thaw(caller, frozen.token());
    machine.in("nsenter -t $(cat /run/slave) -m touch /nix/var/x; rm /nix/var/x");
    machine.in("kill $(cat /run/slave)");

    machine.in(
        """
        unshare --mount --propagation private sleep 600 &
        echo $! >/run/private
        """);
    assertThatThrownBy(() -> freeze(caller, brief()))
        .satisfies(code(ErrorCode.STORE_IN_USE))
        .hasMessageContaining(
            "process "
                + machine.in("cat /run/private").strip()
                + " (sleep 600) has mounts of its own");
    machine.in("kill $(cat /run/private)");
  }

  @Test
  void whoeverHasAFileOpenForWritingIsNamedAndTheFreezeUndone() throws Exception {
    machine.in(
        """
        mkdir -p "/nix/var/log/odd place"
        sleep 600 >>"/nix/var/log/odd place/a" 2>&1 &
        echo $! >/run/writer
        sleep 601 </nix/var/nix/db/schema &
        """);

    assertThatThrownBy(() -> freeze(caller, brief()))
        .satisfies(code(ErrorCode.STORE_IN_USE))
        .hasMessageContaining(
            "process "
                + machine.in("cat /run/writer").strip()
                + " (sleep 600) has /nix/var/log/odd place/a open for writing")
        .hasMessageNotContaining("sleep 601");
    assertThat(machine.facts()).isEqualTo(machine.unfrozen());

    machine.in("kill $(cat /run/writer); pkill -f 'sleep 60[1]'; rm -r '/nix/var/log/odd place'");
  }

  @Test
  void aBuildThatOutlivesItsDaemonIsNamedOrWaitedFor() throws Exception {
    machine.in(
        """
        cat >/root/slow.nix <<'NIX'
        derivation {
          name = "slow"; system = builtins.currentSystem; builder = "/bin/sh";
          args = [ "-c" "while [ ! -e /tmp/go ]; do /bin/sleep 0.1; done; echo done >$out" ];
        }
        NIX
        rm -f /tmp/go
        NIX_REMOTE=daemon nix-build --no-out-link /root/slow.nix >/root/slow.out 2>&1 &
        until pgrep -u nixbld1 >/dev/null; do sleep 0.1; done
        """);

    assertThatThrownBy(() -> freeze(caller, brief()))
        .satisfies(code(ErrorCode.STORE_IN_USE))
        .hasMessageContaining("nix-daemon")
        .hasMessageContaining("has the store open");
    assertThat(machine.facts()).isEqualTo(machine.unfrozen());

    machine.in("(sleep 1; touch /tmp/go) >/dev/null 2>&1 &");
    Frozen frozen =
        freeze(
            caller,
            new Options(
                Duration.ofSeconds(30), Duration.ofSeconds(1), Duration.ofMinutes(5), List.of()));
    assertThat(machine.in("cat $(tail -n 1 /root/slow.out)")).isEqualTo("done\n");
    thaw(caller, frozen.token());
  }

  @Test
  void aProcessThatMayNotBeLookedAtIsNamedAndTheFreezeUndone() throws Exception {
    try (GuestFreezer blind = machine.caller("setpriv", "--bounding-set", "-sys_ptrace")) {
      assertThatThrownBy(() -> freeze(blind, brief()))
          .satisfies(code(ErrorCode.STORE_IN_USE))
          .hasMessageContaining("may not be looked at");
    }
    assertThat(machine.facts()).isEqualTo(machine.unfrozen());
  }

  @Test
  void aFreezeWhoseCallerIsKilledThawsItself() throws Exception {
    try (GuestFreezer lost = machine.caller()) {
      Frozen frozen = freeze(lost, brief());
      machine.killCaller();

      assertThat(machine.isThawed()).as(machine.facts()).isTrue();
      assertThatThrownBy(() -> check(caller, frozen.token()))
          .satisfies(code(ErrorCode.FREEZE_LOST))
          .hasMessageContaining("its caller was lost");
    }
  }

  @Test
  @Tag("long")
  void aFreezeThatLastsTooLongThawsItselfAndCannotBeHeldAnyMore() throws Exception {
    Options oneSecond =
        new Options(Duration.ofSeconds(3), Duration.ofSeconds(9), Duration.ofSeconds(1), List.of());
    Frozen frozen = freeze(caller, oneSecond);

    assertThat(machine.isThawed()).as(machine.facts()).isTrue();
    assertThatThrownBy(() -> hold(caller, frozen.token(), Optional.empty()))
        .satisfies(code(ErrorCode.FREEZE_LOST))
        .hasMessageContaining("took longer than 1 s");
  }

  @Test
  void whatACrashLeftIsFoundAndThawedByAnotherProcess() throws Exception {
    Token token;
    try (GuestFreezer lost = machine.caller()) {
      token = freeze(lost, patient()).token();
      machine.killCaller();
    }

    Token other = new Token(token.bootId(), token.startOfInit(), "00000000");
    Token before = new Token(token.bootId(), token.startOfInit() - 1, token.id());

    assertThat(ask(caller::find)).contains(new Found(token, "frozen", false, true, true));
    assertThatThrownBy(() -> hold(caller, token, Optional.empty()))
        .as("a freeze of a process that is gone cannot be relied on")
        .satisfies(code(ErrorCode.FREEZE_LOST));
    for (Token foreign : List.of(other, before)) {
      assertThatThrownBy(() -> thaw(caller, foreign))
          .satisfies(code(ErrorCode.STORE_FROZEN))
          .hasMessageContaining(token.text());
      assertThatThrownBy(() -> check(caller, foreign)).satisfies(code(ErrorCode.FREEZE_LOST));
    }
    assertThatThrownBy(() -> freeze(caller, brief())).satisfies(code(ErrorCode.STORE_FROZEN));
    assertThat(thaw(caller, token)).isEqualTo(Thaw.DONE);
    assertThat(ask(caller::find)).isEmpty();
    assertThat(thaw(caller, before)).isEqualTo(Thaw.OTHER_BOOT);
    assertThatThrownBy(() -> check(caller, before))
        .hasMessageContaining("an earlier start of this instance");
  }

  @Test
  void aFreezeThatIsHeldOutlivesItsCallerAndTheKillOfItsUnit() throws Exception {
    Token token;
    try (GuestFreezer lost = machine.caller()) {
      token = freeze(lost, brief()).token();
      hold(lost, token, Optional.empty());
      machine.killCaller();
    }
    machine.killHolder(token);

    assertThat(machine.comes("busy\n", "flock -n -x /nix/var/nix/db/big-lock true || echo busy"))
        .as("the lock is taken again")
        .isTrue();
    machine.in("sleep 1.5"); // the unit looks at its caller each second
    check(caller, token);
    assertThat(ask(caller::find)).contains(new Found(token, "frozen", true, true, false));
    assertThat(machine.run("touch /nix/var/x").getExitCode()).isNotZero();
    assertThat(machine.run("systemctl start nix-daemon").getExitCode()).isNotZero();
    assertThat(thaw(caller, token)).isEqualTo(Thaw.DONE);
  }

  @Test
  @Tag("long")
  void aCallerThatIsLostBetweenHoldAndCommitTakesTheFreezeWithItOnlyWithoutTheCommit()
      throws Exception {
    machine.in("mkdir -p '/run/a b'; rm -f '/run/a b/id'");
    Optional<Path> mark = Optional.of(Path.of("/run/a b/id"));
    try (GuestFreezer lost = machine.caller()) {
      hold(lost, freeze(lost, brief()).token(), mark);
      machine.killCaller();
      assertThat(machine.isThawed()).as(machine.facts()).isTrue();
    }

    Token token;
    try (GuestFreezer lost = machine.caller()) {
      token = freeze(lost, brief()).token();
      hold(lost, token, mark);
      machine.in("echo committed >'/run/a b/id'");
      machine.killCaller();
    }
    machine.in("sleep 1.5");
    check(caller, token);
    thaw(caller, token);
  }

  @Test
  @Tag("long")
  void aFreezeWhoseUnitIsKilledIsUndoneBySystemd() throws Exception {
    Token token = freeze(caller, patient()).token();
    machine.killHolder(token);

    assertThat(machine.isThawed()).as(machine.facts()).isTrue();
    assertThatThrownBy(() -> check(caller, token)).satisfies(code(ErrorCode.FREEZE_LOST));
  }

  @Test
  @Tag("long")
  void whatIsLeftWhenTheUndoIsKilledTooIsThawedByAnotherProcess() throws Exception {
    Token token = freeze(caller, patient()).token();
    // As if all had been killed at once: the unit is gone, and its undo never ran.
    machine.in(
        """
        cd /run/nixwsl/freeze/
        mv freeze.sh hidden
        kill -9 $(systemctl show -p MainPID --value %1$s)
        until systemctl is-active %1$s | grep -qx inactive; do sleep 0.1; done
        mv hidden freeze.sh
        """
            .formatted(token.unit()));
    assertThat(ask(caller::find)).contains(new Found(token, "frozen", false, false, false));
    assertThat(machine.run("systemctl start nix-daemon").getExitCode()).isNotZero();
    assertThatThrownBy(() -> freeze(caller, brief()))
        .satisfies(code(ErrorCode.STORE_FROZEN))
        .hasMessageContaining(token.text());

    assertThat(thaw(caller, token)).isEqualTo(Thaw.DONE);
  }

  @Test
  void aMoveThatArmsLeavesTheStoreFrozenUntilTheInstanceEndsOrItIsTakenBack() throws Exception {
    machine.in("mkdir -p /etc/nixos && echo '{ imports = [ ]; }' > /etc/nixos/configuration.nix");
    ExecResult moved = machine.java(MoveInside.class, "run-armed");
    assertThat(moved.getExitCode()).as(moved.getStdout() + moved.getStderr()).isZero();
    assertThat(moved.getStdout()).contains("The store stays frozen");
    machine.in("sleep 1.5"); // the unit looks at its caller each second

    assertThat(ask(caller::find)).map(Found::held).contains(true);
    assertThat(machine.run("touch /nix/var/x").getExitCode()).isNotZero();
    assertThat(machine.run("systemctl start nix-daemon").getExitCode()).isNotZero();
    machine.in(
        """
        test -s /disk/main/.nix-storage-id
        store='local?real=/disk/main/store&state=/disk/main/var/nix&log=/tmp'
        nix-store --store "$store" --verify --check-contents
        """);

    ExecResult back = machine.java(MoveInside.class, "rollback");
    assertThat(back.getExitCode()).as(back.getStdout() + back.getStderr()).isZero();
    assertThat(ask(caller::find)).isEmpty();
    machine.in("NIX_REMOTE=daemon nix-store --add /root/1");
  }

  @Test
  void aMoveThatArmsNothingLetsTheOldStoreGoRightAfterItsCommit() throws Exception {
    ExecResult moved = machine.java(MoveInside.class, "run");
    assertThat(moved.getExitCode()).as(moved.getStdout() + moved.getStderr()).isZero();
    assertThat(moved.getStdout()).contains("in use as before").doesNotContain("stays frozen");
    assertThat(ask(caller::find)).isEmpty();
    machine.in("test -s /disk/main/.nix-storage-id; NIX_REMOTE=daemon nix-store --add /root/1");

    ExecResult back = machine.java(MoveInside.class, "rollback");
    assertThat(back.getExitCode()).as(back.getStdout() + back.getStderr()).isZero();
  }

  // --- The parts

  /** Little time for what runs, and none for a lost caller. */
  private static Options brief() {
    return new Options(Duration.ofMillis(500), Duration.ZERO, Duration.ofMinutes(5), List.of());
  }

  private static Options patient() {
    return new Options(
        Duration.ofSeconds(10), Duration.ofMinutes(5), Duration.ofMinutes(5), List.of());
  }

  private static <T> T ask(Operation.Body<T> question) {
    return Operation.quiet("ask", question);
  }

  private static Frozen freeze(GuestFreezer by, Options options) {
    return ask(op -> by.begin(options, op));
  }

  private static Thaw thaw(GuestFreezer by, Token token) {
    return ask(op -> by.thaw(token, op));
  }

  private static void check(GuestFreezer by, Token token) {
    ask(
        op -> {
          by.check(token, op);
          return token;
        });
  }

  private static void hold(GuestFreezer by, Token token, Optional<Path> mark) {
    ask(
        op -> {
          by.hold(token, mark, op);
          return token;
        });
  }

  private static Consumer<Throwable> code(ErrorCode code) {
    return e -> assertThat(((StorageSdkException) e).code()).as(e.getMessage()).isEqualTo(code);
  }
}
