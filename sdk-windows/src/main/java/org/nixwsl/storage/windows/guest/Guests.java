package org.nixwsl.storage.windows.guest;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslDistribution.State;
import org.nixwsl.storage.windows.wsl.WslExe;

/** The instances from which the disks can be looked at. Thread-safe. */
public final class Guests {
  private final WslExe wsl;

  /** The instances of this Windows user. */
  public Guests(WslExe wsl) {
    this.wsl = wsl;
  }

  /**
   * What was seen, and from where.
   *
   * @param guest the instance
   * @param view what it saw
   */
  public record Seen(WslGuest guest, DiskView view) {}

  /** One instance. */
  public WslGuest of(String distribution) {
    return new WslGuest(wsl, distribution);
  }

  /**
   * Looks from an instance that runs, and starts none.
   *
   * @return empty where none runs that can look
   */
  public Optional<Seen> lookWithoutStarting(Operation operation)
      throws IOException, InterruptedException {
    List<String> names =
        wsl.running(operation).stream()
            .filter(name -> !WslDistribution.belongsToAProgram(name))
            .toList();
    return look(names, Set.copyOf(names), operation).seen;
  }

  /**
   * Looks from an instance that runs, or starts one: the default one last, because it is the one
   * that most likely waits for the disk at its start.
   *
   * @param what what is done, as the beginning of a sentence
   * @throws EnvironmentException {@code DISTRO_NOT_FOUND} if there is no instance to look from
   */
  public Seen look(String what, Operation operation) throws IOException, InterruptedException {
    List<WslDistribution> all = wsl.list(operation);
    List<String> names = names(all);
    Set<String> running =
        all.stream()
            .filter(distribution -> distribution.state() == State.RUNNING)
            .map(WslDistribution::name)
            .collect(Collectors.toSet());
    Result result = look(names, running, operation);
    if (result.seen.isPresent()) {
      return result.seen.get();
    }
    if (!result.failures.isEmpty()) {
      throw result.failures.get(0);
    }
    throw none(what);
  }

  /**
   * All instances that can be worked in, those that run first and the default one last.
   *
   * @param what what is done, as the beginning of a sentence
   * @throws EnvironmentException {@code DISTRO_NOT_FOUND} if there is none
   */
  public List<String> all(String what, Operation operation)
      throws IOException, InterruptedException {
    List<String> names = names(wsl.list(operation));
    if (names.isEmpty()) {
      throw none(what);
    }
    return names;
  }

  private static List<String> names(List<WslDistribution> all) {
    return all.stream()
        .filter(distribution -> distribution.version() == 2)
        .filter(distribution -> !WslDistribution.belongsToAProgram(distribution.name()))
        .filter(
            distribution ->
                distribution.state() == State.RUNNING
                    || distribution.state() == State.STOPPED
                    || distribution.state() == State.OTHER)
        .sorted(
            Comparator.comparing((WslDistribution d) -> d.state() != State.RUNNING)
                .thenComparing(WslDistribution::isDefault))
        .map(WslDistribution::name)
        .toList();
  }

  private static EnvironmentException none(String what) {
    return new EnvironmentException(
        Problem.of(
            ErrorCode.DISTRO_NOT_FOUND,
            what + ": this Windows user has no WSL 2 instance to look at the disks from.",
            "Install one, or call as the user who owns it."));
  }

  private record Result(Optional<Seen> seen, List<StorageSdkException> failures) {}

  /**
   * The first instance that can look. One that cannot is passed over: it lacks a program, its disk
   * is damaged or was deleted. Only what fails in an instance that runs, and may go away, is the
   * matter of all of them.
   */
  private Result look(List<String> names, Set<String> running, Operation operation)
      throws IOException, InterruptedException {
    List<StorageSdkException> failures = new ArrayList<>();
    for (String name : names) {
      WslGuest guest = of(name);
      try {
        DiskView view = guest.look(operation);
        if (view.shareRoot().isPresent()) {
          return new Result(Optional.of(new Seen(guest, view)), failures);
        }
      } catch (StorageSdkException e) {
        boolean ofAll = e.retryable() && running.contains(name);
        if (ofAll || e.code() == ErrorCode.CANCELLED) {
          throw e;
        }
        failures.add(e);
      }
    }
    return new Result(Optional.empty(), failures);
  }
}
