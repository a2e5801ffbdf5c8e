package org.nixwsl.storage.core.guest;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.run.Operation;

/** Notes what it is asked, and answers with values that nothing else has. */
final class FakeFreezer implements StoreFreezer {
  static final Token TOKEN = new Token("a977ce53-71e1-4d56-9dff-9ba2b9f4e940", 68325, "0badcafe");
  static final Fingerprint FINGERPRINT = new Fingerprint(7, Long.MAX_VALUE, "ab", "cd");
  static final Frozen FROZEN = new Frozen(TOKEN, FINGERPRINT, List.of("note \"1\"", "note\n2"));
  static final Options OPTIONS =
      new Options(
          Duration.ofMillis(1), Duration.ofSeconds(2), Duration.ofHours(3), List.of("a@.service"));

  final List<Object> asked = new ArrayList<>();
  Optional<Found> found = Optional.empty();

  @Override
  public Frozen begin(Options options, Operation operation) {
    asked.add(options);
    return FROZEN;
  }

  @Override
  public Optional<Found> find(Operation operation) {
    return found;
  }

  @Override
  public Fingerprint fingerprint(Operation operation) {
    return FINGERPRINT;
  }

  @Override
  public void check(Token token, Operation operation) {
    asked.add(token);
  }

  @Override
  public void hold(Token token, Optional<Path> mark, Operation operation) {
    asked.add(token);
    asked.add(mark);
  }

  @Override
  public Thaw thaw(Token token, Operation operation) {
    asked.add(token);
    return Thaw.OTHER_BOOT;
  }
}
