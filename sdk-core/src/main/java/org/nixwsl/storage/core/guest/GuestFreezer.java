package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.run.Operation;

/**
 * Freezes the store where a guest works. The guest is the caller of a freeze that is begun here:
 * when it ends, the freeze thaws itself unless it is held. Whoever opened this closes it, which
 * ends the guest. Calls belong to one thread.
 */
public final class GuestFreezer implements StoreFreezer, AutoCloseable {
  private final GuestClient guest;

  GuestFreezer(GuestClient guest) {
    this.guest = guest;
  }

  /**
   * Starts a guest for the calls that follow.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code GUEST_LOST} with what it said
   */
  public static GuestFreezer open(GuestLauncher launcher, Operation operation)
      throws IOException, InterruptedException {
    return new GuestFreezer(launcher.launch(operation));
  }

  @Override
  public Frozen begin(Options options, Operation operation) throws InterruptedException {
    return FreezeWire.frozen(call(FreezeWire.BEGIN, FreezeWire.options(options), operation));
  }

  @Override
  public Optional<Found> find(Operation operation) throws InterruptedException {
    return FreezeWire.found(call(FreezeWire.FIND, Map.of(), operation));
  }

  @Override
  public Fingerprint fingerprint(Operation operation) throws InterruptedException {
    return FreezeWire.fingerprint(call(FreezeWire.FINGERPRINT, Map.of(), operation));
  }

  @Override
  public void check(Token token, Operation operation) throws InterruptedException {
    call(FreezeWire.CHECK, FreezeWire.token(token), operation);
  }

  @Override
  public void hold(Token token, Optional<Path> mark, Operation operation)
      throws InterruptedException {
    call(FreezeWire.HOLD, FreezeWire.hold(token, mark), operation);
  }

  @Override
  public Thaw thaw(Token token, Operation operation) throws InterruptedException {
    return FreezeWire.thaw(call(FreezeWire.THAW, FreezeWire.token(token), operation));
  }

  private Map<String, Object> call(String name, Map<String, Object> arguments, Operation operation)
      throws InterruptedException {
    return guest.call(name, arguments, Listener.none(), operation);
  }

  /** Ends the guest. A freeze that it began and nobody thawed or held thaws itself. */
  @Override
  public void close() {
    guest.close();
  }
}
