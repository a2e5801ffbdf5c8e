package org.nixwsl.storage.store;

import java.util.OptionalInt;
import org.immutables.value.Value;

/** What to verify and how. */
@Value.Immutable
@ValueStyle
public interface VerifyRequest {
  /** The store to look at. */
  NixStore store();

  /** How deep to look; contents when not said. */
  @Value.Default
  default VerifyLevel level() {
    return VerifyLevel.CONTENTS;
  }

  /** How many threads read; chosen by the SDK when not said. At least 1. */
  OptionalInt threads();

  /** Refuses a thread count that makes no sense. */
  @Value.Check
  default void check() {
    if (threads().isPresent() && (threads().getAsInt() < 1 || threads().getAsInt() > 1024)) {
      throw new IllegalArgumentException(
          "threads must be from 1 to 1024, not " + threads().getAsInt());
    }
  }

  /** The contents of a store. */
  static VerifyRequest of(NixStore store) {
    return builder().store(store).build();
  }

  /** Starts with the defaults; the store has to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link VerifyRequest}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableVerifyRequest.Builder {
    Builder() {}
  }
}
