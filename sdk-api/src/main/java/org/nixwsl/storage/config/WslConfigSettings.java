package org.nixwsl.storage.config;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.immutables.value.Value;

/**
 * The settings of {@code .wslconfig}, in the Windows user's home, that matter to a shared disk. A
 * value that is not given is left as the file has it. They take effect after {@code wsl
 * --shutdown}.
 */
@Value.Immutable
@ValueStyle
public interface WslConfigSettings {
  /** For both times: never. WSL takes any negative number for that. */
  Duration NEVER = Duration.ofMillis(-1);

  /**
   * {@code vmIdleTimeout} of {@code [wsl2]}: how long WSL's virtual machine goes on without an
   * instance; 60 s when not set. With the machine the disk is detached. In whole milliseconds, at
   * most what 31 bits hold.
   */
  Optional<Duration> vmIdleTimeout();

  /**
   * {@code instanceIdleTimeout} of {@code [general]}: how long an instance goes on after its last
   * program that was started from Windows; 15 s when not set. Services do not keep it alive.
   */
  Optional<Duration> instanceIdleTimeout();

  /** Refuses times that WSL cannot read. */
  @Value.Check
  default void check() {
    requireTime("vmIdleTimeout", vmIdleTimeout());
    requireTime("instanceIdleTimeout", instanceIdleTimeout());
  }

  private static void requireTime(String name, Optional<Duration> time) {
    time.ifPresent(
        t -> {
          boolean whole = t.truncatedTo(ChronoUnit.MILLIS).equals(t);
          boolean fits = t.abs().compareTo(Duration.ofMillis(Integer.MAX_VALUE)) <= 0;
          if (!whole || !fits) {
            throw new IllegalArgumentException(
                name + " must be whole milliseconds of at most 31 bits, not " + t);
          }
        });
  }

  /** Nothing set. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds {@link WslConfigSettings}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableWslConfigSettings.Builder {
    Builder() {}
  }
}
