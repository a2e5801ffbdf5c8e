package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.NixStore;

/** A freeze as a machine has it: it outlives the process, and one at a time. */
class FakeFreeze implements Stillness {
  final List<String> calls = new ArrayList<>();
  Optional<String> inForce = Optional.empty();
  boolean lost;

  @Override
  public boolean available(NixStore store) {
    return true;
  }

  @Override
  public String begin(NixStore store, Operation operation) {
    String token = "freeze" + calls.size();
    inForce = Optional.of(token);
    calls.add("begin");
    return token;
  }

  @Override
  public void keep(String token, Path mark, Operation operation) {
    assertThat(mark).hasFileName(".nix-storage-id").doesNotExist();
    if (lost || !inForce.equals(Optional.of(token))) {
      throw Failures.errorOf(Problem.of(ErrorCode.STORE_CHANGED, "Thawed.", "Again."));
    }
    calls.add("keep");
  }

  @Override
  public void end(Optional<String> token, NixStore store, Operation operation) {
    inForce = Optional.empty();
    calls.add("end");
  }
}
