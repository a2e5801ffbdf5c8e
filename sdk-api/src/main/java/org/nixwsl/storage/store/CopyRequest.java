package org.nixwsl.storage.store;

import java.util.OptionalInt;
import org.immutables.value.Value;

/** A copy of a whole store into an empty place. */
@Value.Immutable
@ValueStyle
public interface CopyRequest {
  /** The store to read. It is never written to. */
  NixStore source();

  /** Where to. The directory is made when it is not there; it must not hold another store. */
  NixStore target();

  /** How many threads copy; chosen by the SDK when not said. At least 1. */
  OptionalInt threads();

  /** Whether the target is read back from the device and compared; yes when not said. */
  @Value.Default
  default boolean reread() {
    return true;
  }

  /** Refuses a thread count that makes no sense. */
  @Value.Check
  default void check() {
    if (threads().isPresent() && (threads().getAsInt() < 1 || threads().getAsInt() > 1024)) {
      throw new IllegalArgumentException(
          "threads must be from 1 to 1024, not " + threads().getAsInt());
    }
  }

  /** A copy with re-reading. */
  static CopyRequest of(NixStore source, NixStore target) {
    return builder().source(source).target(target).build();
  }

  /** Starts with the defaults; source and target have to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link CopyRequest}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableCopyRequest.Builder {
    Builder() {}
  }
}
