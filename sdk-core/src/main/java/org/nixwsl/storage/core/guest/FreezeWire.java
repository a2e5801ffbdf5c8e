package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.map;
import static org.nixwsl.storage.core.guest.GuestWire.number;
import static org.nixwsl.storage.core.guest.GuestWire.object;
import static org.nixwsl.storage.core.guest.GuestWire.strings;
import static org.nixwsl.storage.core.guest.GuestWire.text;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.platform.StoreFreezer.Fingerprint;
import org.nixwsl.storage.core.platform.StoreFreezer.Found;
import org.nixwsl.storage.core.platform.StoreFreezer.Frozen;
import org.nixwsl.storage.core.platform.StoreFreezer.Options;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.run.Operation;

/** The calls of a freeze: their names, their values as the fields of a message, who answers. */
final class FreezeWire {
  static final String BEGIN = "freeze";
  static final String FIND = "findFreeze";
  static final String FINGERPRINT = "fingerprint";
  static final String CHECK = "checkFreeze";
  static final String HOLD = "holdFreeze";
  static final String THAW = "thaw";

  private FreezeWire() {}

  /** The guest's side: does what a call says; empty if the call is none of these. */
  static Optional<Map<String, Object>> answer(
      String call, Map<String, Object> arguments, StoreFreezer freezer, Operation operation)
      throws IOException, InterruptedException {
    return switch (call) {
      case BEGIN -> Optional.of(frozen(freezer.begin(options(arguments), operation)));
      case FIND -> Optional.of(freezer.find(operation).map(FreezeWire::found).orElse(object()));
      case FINGERPRINT -> Optional.of(fingerprint(freezer.fingerprint(operation)));
      case CHECK -> {
        freezer.check(token(arguments), operation);
        yield Optional.of(object());
      }
      case HOLD -> {
        operation.checkCancelled(); // a host that is gone cannot commit
        freezer.hold(token(arguments), mark(arguments), operation);
        yield Optional.of(object());
      }
      case THAW -> Optional.of(object("thaw", freezer.thaw(token(arguments), operation).name()));
      default -> Optional.empty();
    };
  }

  static Map<String, Object> options(Options options) {
    return object(
        "patienceMillis",
        options.patience().toMillis(),
        "graceMillis",
        options.grace().toMillis(),
        "longestMillis",
        options.longest().toMillis(),
        "units",
        options.units());
  }

  private static Options options(Map<String, Object> fields) {
    return new Options(
        Duration.ofMillis(number(fields, "patienceMillis")),
        Duration.ofMillis(number(fields, "graceMillis")),
        Duration.ofMillis(number(fields, "longestMillis")),
        strings(fields, "units"));
  }

  static Map<String, Object> token(Token token) {
    return object("token", token.text());
  }

  private static Token token(Map<String, Object> fields) {
    return Token.parse(text(fields, "token"));
  }

  static Map<String, Object> hold(Token token, Optional<Path> mark) {
    Map<String, Object> fields = token(token);
    mark.ifPresent(path -> fields.put("mark", GuestWire.path(path)));
    return fields;
  }

  private static Optional<Path> mark(Map<String, Object> fields) {
    return GuestWire.optionalText(fields, "mark").map(GuestWire::path);
  }

  private static Map<String, Object> frozen(Frozen frozen) {
    Map<String, Object> fields = token(frozen.token());
    fields.put("fingerprint", fingerprint(frozen.fingerprint()));
    fields.put("notes", frozen.notes());
    return fields;
  }

  static Frozen frozen(Map<String, Object> fields) {
    return new Frozen(
        token(fields), fingerprint(map(fields, "fingerprint")), strings(fields, "notes"));
  }

  private static Map<String, Object> fingerprint(Fingerprint fingerprint) {
    return object(
        "rows",
        fingerprint.rows(),
        "greatestId",
        fingerprint.greatestId(),
        "digest",
        fingerprint.digest(),
        "roots",
        fingerprint.roots());
  }

  static Fingerprint fingerprint(Map<String, Object> fields) {
    return new Fingerprint(
        number(fields, "rows"),
        number(fields, "greatestId"),
        text(fields, "digest"),
        text(fields, "roots"));
  }

  private static Map<String, Object> found(Found found) {
    Map<String, Object> fields = token(found.token());
    fields.put("phase", found.phase());
    fields.put("held", found.held());
    fields.put("running", found.running());
    fields.put("orphaned", found.orphaned());
    return fields;
  }

  static Optional<Found> found(Map<String, Object> fields) {
    return fields.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Found(
                token(fields),
                text(fields, "phase"),
                GuestWire.flag(fields, "held"),
                GuestWire.flag(fields, "running"),
                GuestWire.flag(fields, "orphaned")));
  }

  static StoreFreezer.Thaw thaw(Map<String, Object> fields) {
    return StoreFreezer.Thaw.valueOf(text(fields, "thaw"));
  }
}
