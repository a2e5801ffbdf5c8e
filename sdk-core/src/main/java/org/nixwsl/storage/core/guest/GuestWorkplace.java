package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.platform.Stillness;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A workplace in an instance: one guest does all that one operation has to do there, so that a
 * freeze and a copy have the same caller, and so that the instance is in use from the first call to
 * the last. The guest is started by the first call. One that is lost between two calls is started
 * anew; one that is lost in the middle of a copy is not: the copy fails, and the next one goes on
 * from there.
 */
public final class GuestWorkplace implements Workplace {
  private static final Logger LOG = LoggerFactory.getLogger(GuestWorkplace.class);

  private final Operation.Body<List<Operation.Body<GuestClient>>> places;
  private final Optional<GuestWorkplace> beneath;
  private final StoreHost host = new GuestStoreHost(this);
  private final StorageTree tree = new GuestTree(this);
  private final Stillness stillness = new GuestStillness(this);
  private final StoreVerifier verifier;
  private final NixConfigWriter config;
  private Operation.@Nullable Body<GuestClient> launcher;
  private @Nullable GuestClient guest;
  private boolean copying;

  GuestWorkplace(
      Operation.Body<List<Operation.Body<GuestClient>>> places,
      Optional<GuestWorkplace> beneath,
      NixConfigWriter here,
      Ticker ticker) {
    this.places = places;
    this.beneath = beneath;
    this.verifier = new GuestVerifier(this, ticker);
    this.config = new GuestConfigWriter(this, here, ticker);
  }

  /**
   * A workplace that the launcher leads to.
   *
   * @param here for what is the same everywhere, such as the text of the module
   */
  public static GuestWorkplace of(GuestLauncher launcher, NixConfigWriter here, Ticker ticker) {
    GuestLauncher below = launcher.beneath();
    return new GuestWorkplace(
        operation -> List.of(launcher::launch),
        Optional.of(
            new GuestWorkplace(
                operation -> List.of(below::launch), Optional.empty(), here, ticker)),
        here,
        ticker);
  }

  /**
   * A workplace in the first of several places that has what a guest needs.
   *
   * @param places leads to them; asked before the first guest is started; not empty
   * @param here for what is the same everywhere, such as the text of the module
   */
  public static GuestWorkplace ofFirst(
      Operation.Body<List<GuestLauncher>> places, NixConfigWriter here, Ticker ticker) {
    return new GuestWorkplace(
        operation -> {
          List<Operation.Body<GuestClient>> all = new ArrayList<>();
          places.run(operation).forEach(launcher -> all.add(launcher::launch));
          return all;
        },
        Optional.empty(),
        here,
        ticker);
  }

  @Override
  public StoreHost host() {
    return host;
  }

  @Override
  public StoreVerifier verifier() {
    return verifier;
  }

  @Override
  public StorageTree tree() {
    return tree;
  }

  @Override
  public Stillness stillness() {
    return stillness;
  }

  @Override
  public NixConfigWriter config() {
    return config;
  }

  /** By a guest of its own, which is started by the first call. */
  @Override
  public Optional<Beneath> beneath() {
    return beneath.map(
        below ->
            new Beneath(below.host(), below.tree(), Path.of(GuestLauncher.BENEATH), below::close));
  }

  /** Has something done by the guest, once. */
  Map<String, Object> call(
      String name, Map<String, Object> arguments, Listener listener, Operation operation)
      throws IOException, InterruptedException {
    return connected(operation).call(name, arguments, listener, operation);
  }

  /**
   * Has something done that comes to the same when it is done twice: if the guest is found lost, a
   * new one does it.
   */
  Map<String, Object> repeatable(String name, Map<String, Object> arguments, Operation operation)
      throws IOException, InterruptedException {
    boolean ranBefore = guest != null;
    try {
      return call(name, arguments, Listener.none(), operation);
    } catch (EnvironmentException e) {
      if (e.code() != ErrorCode.GUEST_LOST || !ranBefore || copying) {
        throw e;
      }
      LOG.info("the guest was lost, another one does {}", name, e);
      return call(name, arguments, Listener.none(), operation);
    }
  }

  /** Begins a copy, by this call. Until it is closed no other guest is started. */
  GuestClient beginCopy(String call, Map<String, Object> request, Operation operation)
      throws IOException, InterruptedException {
    GuestClient used = connected(operation);
    used.call(call, request, Listener.none(), operation);
    copying = true;
    return used;
  }

  /** Ends a copy: when this returns its locks are free. */
  void endCopy(GuestClient used, Operation operation) {
    copying = false;
    try {
      if (!used.lost()) {
        operation.translating(
            "end a copy", () -> used.call("close", Map.of(), Listener.none(), operation));
      }
    } catch (StorageSdkException e) {
      LOG.info("the copy is ended with its guest", e);
      used.close();
    }
  }

  private GuestClient connected(Operation operation) throws IOException, InterruptedException {
    GuestClient running = guest;
    if (running != null && (copying || !running.lost())) {
      return running; // in a copy a lost one says so itself
    }
    if (running != null) {
      running.close();
      guest = null;
    }
    GuestClient started = started(operation);
    guest = started;
    return started;
  }

  private GuestClient started(Operation operation) throws IOException, InterruptedException {
    Operation.Body<GuestClient> known = launcher;
    if (known != null) {
      return known.run(operation);
    }
    @Nullable EnvironmentException first = null;
    for (Operation.Body<GuestClient> each : places.run(operation)) {
      try {
        GuestClient started = each.run(operation);
        launcher = each;
        return started;
      } catch (EnvironmentException e) {
        if (e.code() != ErrorCode.TOOL_MISSING) {
          throw e;
        }
        first = first == null ? e : first;
      }
    }
    throw first == null ? new IllegalStateException("no place to work in") : first;
  }

  /** Ends its guests. A freeze that it began and that was not kept thaws itself. */
  @Override
  public void close() {
    beneath.ifPresent(GuestWorkplace::close);
    GuestClient running = guest;
    guest = null;
    if (running != null) {
      running.close();
    }
  }
}
