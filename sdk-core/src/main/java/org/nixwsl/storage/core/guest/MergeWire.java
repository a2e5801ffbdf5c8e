package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.map;
import static org.nixwsl.storage.core.guest.GuestWire.object;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;

/**
 * The calls about a copy into a store that stays one, but for the copy itself: their names, and who
 * answers.
 */
final class MergeWire {
  static final String LACKING = "lacking";
  static final String REFUSALS = "mergeRefusals";
  static final String DROP = "dropMerge";

  private MergeWire() {}

  /** The guest's side: does what a call says; empty if the call is none of these. */
  static Optional<Map<String, Object>> answer(
      String call, Map<String, Object> arguments, StoreHost host, Operation operation)
      throws IOException, InterruptedException {
    switch (call) {
      case LACKING -> {
        return Optional.of(
            GuestWire.measure(
                host.lacking(
                    GuestWire.store(map(arguments, "store")),
                    GuestWire.store(map(arguments, "other")),
                    operation)));
      }
      case REFUSALS -> {
        return Optional.of(
            GuestWire.problems(host.mergeRefusals(GuestWire.copyRequest(arguments), operation)));
      }
      case DROP -> {
        operation.checkCancelled(); // a host that is gone changes nothing
        host.dropMerge(GuestWire.store(arguments), operation);
        return Optional.of(object());
      }
      default -> {
        return Optional.empty();
      }
    }
  }
}
