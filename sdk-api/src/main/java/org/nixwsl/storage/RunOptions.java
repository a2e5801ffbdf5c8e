package org.nixwsl.storage;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;

/** How a caller follows and stops an operation. Immutable; may serve several calls. */
public final class RunOptions {
  private static final RunOptions DEFAULTS = builder().build();

  private final List<Consumer<StorageEvent>> listeners;
  private final Optional<CancellationToken> cancellation;

  private RunOptions(Builder builder) {
    this.listeners = List.copyOf(builder.listeners);
    this.cancellation = builder.cancellation;
  }

  /** No listener, no token. */
  public static RunOptions ofDefaults() {
    return DEFAULTS;
  }

  /** Starts with the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Who is told, in the order of subscription. */
  public List<Consumer<StorageEvent>> listeners() {
    return listeners;
  }

  /** What stops the operation, if anything does. */
  public Optional<CancellationToken> cancellation() {
    return cancellation;
  }

  /** Builds {@link RunOptions}. Not thread-safe. */
  public static final class Builder {
    private final List<Consumer<StorageEvent>> listeners = new ArrayList<>();
    private Optional<CancellationToken> cancellation = Optional.empty();

    private Builder() {}

    /** Tells the listener all events of a class; {@code StorageEvent.class} means every one. */
    public <E extends StorageEvent> Builder on(Class<E> type, Consumer<? super E> listener) {
      listeners.add(
          event -> {
            if (type.isInstance(event)) {
              listener.accept(type.cast(event));
            }
          });
      return this;
    }

    /** Lets the token stop the operation. At most one token. */
    public Builder cancelWith(CancellationToken token) {
      if (cancellation.isPresent()) {
        throw new IllegalStateException("cancelWith was called before");
      }
      cancellation = Optional.of(token);
      return this;
    }

    /** The options as set so far. */
    public RunOptions build() {
      return new RunOptions(this);
    }
  }
}
