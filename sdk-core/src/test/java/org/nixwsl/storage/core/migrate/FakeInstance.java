package org.nixwsl.storage.core.migrate;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.platform.InstanceControl;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.platform.Instances;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.BootState.Decision;

/** An instance that is only its system, its hook, and what it booted from. */
final class FakeInstance implements Instances, InstanceShell, InstanceControl {
  static final String OLD = "/nix/store/" + "0".repeat(32) + "-nixos-system-old";
  private static final String NEW = "/nix/store/" + "1".repeat(32) + "-nixos-system-new";
  private static final Pattern WORD = Pattern.compile("'([^']*)'");

  private final FakeMachine machine;
  final List<String> calls = new ArrayList<>();
  String system = OLD;
  Optional<UUID> hook = Optional.empty();
  Optional<BootState> boot = Optional.empty();
  boolean running = true;
  boolean controllable = true;
  boolean switchFails;
  boolean startFails;
  boolean stopFails;
  boolean leaseHeld;
  boolean bootsFromAnother;

  /** What the store on the storage is when it is stopped; empty for what it was. */
  Optional<String> buildsAtTheLast = Optional.empty();

  /** Each start is brought to its end, and told as a failure. */
  boolean answersAreLost;

  /** From the first start on. */
  boolean cannotBeAsked;

  /** Its hook takes the storage also where nothing says so. */
  boolean takesTheStorageAnyway;

  /** Who else uses the directory. */
  List<String> others = List.of();

  /** So many starts from now on end in rescue. */
  int rescues;

  FakeInstance(FakeMachine machine) {
    this.machine = machine;
  }

  boolean onStorage() {
    return boot.filter(state -> state.decision() == Decision.DISK).isPresent();
  }

  @Override
  public InstanceShell shell(String name) {
    calls.add("enter " + name);
    return this;
  }

  @Override
  public Optional<InstanceControl> control(String name) {
    return controllable ? Optional.of(this) : Optional.empty();
  }

  @Override
  public String instance() {
    return "the fake instance";
  }

  @Override
  public ProcessRunner.Result run(String script, Duration limit, Operation operation) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(script.lines().findFirst().orElseThrow());
    while (word.find()) {
      words.add(word.group(1));
    }
    return switch (words.get(0)) {
      case "system-look" -> {
        boolean hooked = hook.filter(UUID.fromString(words.get(2))::equals).isPresent();
        yield result(0, "nixwsl-system " + system + " " + system + (hooked ? " yes\n" : " no\n"));
      }
      case "system-switch" -> {
        if (switchFails) {
          yield result(40, "error: undefined variable 'lunch'\n");
        }
        system = NEW;
        hook = Optional.of(UUID.fromString(words.get(2)));
        yield result(0, "");
      }
      case "system-back" -> {
        if (onStorage()) {
          yield result(44, "");
        }
        system = words.get(2);
        hook = Optional.empty();
        yield result(0, "");
      }
      default -> throw new AssertionError(words);
    };
  }

  private static ProcessRunner.Result result(int status, String text) {
    return new ProcessRunner.Result(status, text.getBytes(StandardCharsets.UTF_8), new byte[0]);
  }

  @Override
  public boolean running(Operation operation) {
    return running;
  }

  @Override
  public void terminate(Operation operation) {
    if (stopFails) {
      throw new EnvironmentException(Problem.of(ErrorCode.WSL_FAILED, "No stop.", "None."));
    }
    calls.add("stop");
    if (onStorage()) {
      buildsAtTheLast.ifPresent(built -> machine.tree.targetFingerprint = built);
    }
    running = false;
    boot = Optional.empty();
    machine.tree.users = others;
  }

  @Override
  public boolean leaseIsFree(Path lease, Operation operation) {
    return !leaseHeld;
  }

  @Override
  public void start(Operation operation) {
    if (running) {
      return;
    }
    boot();
    if (answersAreLost) {
      throw new EnvironmentException(Problem.of(ErrorCode.WSL_FAILED, "No answer.", "None."));
    }
  }

  private void boot() {
    calls.add("start");
    if (startFails) {
      throw new EnvironmentException(Problem.of(ErrorCode.WSL_FAILED, "No start.", "None."));
    }
    running = true;
    if (hook.isEmpty()) {
      return; // the plain shim says nothing
    }
    if (machine.tree.armed.isEmpty() && !takesTheStorageAnyway) {
      boot = booted(Decision.UNARMED, "not armed");
    } else if (rescues-- > 0) {
      boot = booted(Decision.RESCUE, "seed older than disk");
    } else if (!machine.mounted) {
      boot = booted(Decision.RESCUE, "nothing is mounted");
    } else if (!machine.tree.id.equals(hook) && !takesTheStorageAnyway) {
      boot = booted(Decision.RESCUE, "the id is missing");
    } else {
      boot = booted(Decision.DISK, "bound");
      machine.tree.users = List.of("the fake instance");
    }
  }

  private Optional<BootState> booted(Decision decision, String reason) {
    return Optional.of(
        new BootState(
            "NixOS",
            decision,
            reason,
            List.of(),
            "/fake/mount/one",
            hook.map(id -> bootsFromAnother ? "another" : id.toString())));
  }

  @Override
  public Optional<BootState> bootState(Operation operation) {
    if (cannotBeAsked && calls.contains("start")) {
      throw new EnvironmentException(Problem.of(ErrorCode.WSL_FAILED, "No entry.", "None."));
    }
    return boot;
  }
}
