package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.map;
import static org.nixwsl.storage.core.guest.GuestWire.object;
import static org.nixwsl.storage.core.guest.GuestWire.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;

/** The calls of the freeze that a move makes: their names, their values, who answers. */
final class StillnessWire {
  static final String AVAILABLE = "canStandStill";
  static final String BEGIN = "standStill";
  static final String KEEP = "keepStill";
  static final String END = "endStill";

  private StillnessWire() {}

  /** The guest's side: does what a call says; empty if the call is none of these. */
  static Optional<Map<String, Object>> answer(
      String call, Map<String, Object> arguments, Stillness stillness, Operation operation)
      throws IOException, InterruptedException {
    return switch (call) {
      case AVAILABLE -> Optional.of(object("available", stillness.available(store(arguments))));
      case BEGIN -> Optional.of(object("token", stillness.begin(store(arguments), operation)));
      case KEEP -> {
        operation.checkCancelled(); // a host that is gone cannot commit
        stillness.keep(
            text(arguments, "token"), GuestWire.path(text(arguments, "mark")), operation);
        yield Optional.of(object());
      }
      case END -> {
        stillness.end(GuestWire.optionalText(arguments, "token"), store(arguments), operation);
        yield Optional.of(object());
      }
      default -> Optional.empty();
    };
  }

  static Map<String, Object> store(NixStore store) {
    return object("store", GuestWire.store(store));
  }

  private static NixStore store(Map<String, Object> fields) {
    return GuestWire.store(map(fields, "store"));
  }

  static Map<String, Object> keep(String token, Path mark) {
    return object("token", token, "mark", GuestWire.path(mark));
  }

  static Map<String, Object> end(Optional<String> token, NixStore store) {
    Map<String, Object> fields = store(store);
    token.ifPresent(text -> fields.put("token", text));
    return fields;
  }
}
