package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreFreezer;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;

/**
 * What a guest works with.
 *
 * @param host measures and copies
 * @param verifier verifies
 * @param freezer freezes and thaws
 * @param tree what lies on a storage beside the stores
 * @param stillness the freeze as a move sees it; by the same freezer
 * @param config the configuration of NixOS
 */
public record GuestParts(
    StoreHost host,
    StoreVerifier verifier,
    StoreFreezer freezer,
    StorageTree tree,
    Stillness stillness,
    NixConfigWriter config) {

  /** Some calls that belong together; empty if a call is none of them. */
  @FunctionalInterface
  private interface Family {
    Optional<Map<String, Object>> answer(
        String call, Map<String, Object> arguments, Operation operation)
        throws IOException, InterruptedException;
  }

  /**
   * Does what a call says that stands alone as well as between the steps of a copy.
   *
   * @throws IllegalArgumentException if there is no such call
   */
  Map<String, Object> answer(String call, Map<String, Object> arguments, Operation operation)
      throws IOException, InterruptedException {
    List<Family> families =
        List.of(
            (name, fields, op) -> FreezeWire.answer(name, fields, freezer, op),
            (name, fields, op) -> StillnessWire.answer(name, fields, stillness, op),
            (name, fields, op) -> TreeWire.answer(name, fields, tree, op),
            (name, fields, op) -> MergeWire.answer(name, fields, host, op),
            (name, fields, op) -> ModuleWire.answer(name, fields, config, op));
    for (Family family : families) {
      Optional<Map<String, Object>> answer = family.answer(call, arguments, operation);
      if (answer.isPresent()) {
        return answer.get();
      }
    }
    throw new IllegalArgumentException("The host asks for what there is not: " + call);
  }
}
