package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;

/**
 * The freeze of a move, by a guest: it is the caller of the freeze, which ends when the guest does
 * before it is kept.
 */
final class GuestStillness implements Stillness {
  private final GuestWorkplace place;

  GuestStillness(GuestWorkplace place) {
    this.place = place;
  }

  @Override
  public boolean available(NixStore store) {
    return GuestWire.flag(
        Operation.quiet(
            "ask whether a store can be frozen",
            operation ->
                place.repeatable(StillnessWire.AVAILABLE, StillnessWire.store(store), operation)),
        "available");
  }

  @Override
  public String begin(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    return GuestWire.text(
        place.call(StillnessWire.BEGIN, StillnessWire.store(store), Listener.none(), operation),
        "token");
  }

  @Override
  public void keep(String token, Path mark, Operation operation)
      throws IOException, InterruptedException {
    place.call(StillnessWire.KEEP, StillnessWire.keep(token, mark), Listener.none(), operation);
  }

  @Override
  public void end(Optional<String> token, NixStore store, Operation operation)
      throws IOException, InterruptedException {
    place.repeatable(StillnessWire.END, StillnessWire.end(token, store), operation);
  }
}
