package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/**
 * Copies stores where they are, through a guest. When it is lost in the middle, by a crash of
 * either side, what was copied stays and the next copy goes on from there.
 */
final class GuestStoreHost implements StoreHost {
  private final GuestWorkplace place;

  GuestStoreHost(GuestWorkplace place) {
    this.place = place;
  }

  @Override
  public Measure measure(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    return GuestWire.measure(place.repeatable("measure", GuestWire.store(store), operation));
  }

  @Override
  public List<Problem> refusals(CopyRequest request, Measure measure, Operation operation)
      throws IOException, InterruptedException {
    Map<String, Object> arguments =
        GuestWire.object(
            "request", GuestWire.copyRequest(request), "measure", GuestWire.measure(measure));
    return GuestWire.problems(place.repeatable("refusals", arguments, operation));
  }

  @Override
  public CopySession begin(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return session("begin", request, operation);
  }

  @Override
  public CopySession beginMerge(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return session("beginMerge", request, operation);
  }

  private CopySession session(String begin, CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return new Session(
        place, place.beginCopy(begin, GuestWire.copyRequest(request), operation), operation);
  }

  @Override
  public Measure lacking(NixStore store, NixStore other, Operation operation)
      throws IOException, InterruptedException {
    Map<String, Object> arguments =
        GuestWire.object("store", GuestWire.store(store), "other", GuestWire.store(other));
    return GuestWire.measure(place.repeatable(MergeWire.LACKING, arguments, operation));
  }

  @Override
  public List<Problem> mergeRefusals(CopyRequest request, Operation operation)
      throws IOException, InterruptedException {
    return GuestWire.problems(
        place.repeatable(MergeWire.REFUSALS, GuestWire.copyRequest(request), operation));
  }

  @Override
  public void dropMerge(NixStore target, Operation operation)
      throws IOException, InterruptedException {
    place.repeatable(MergeWire.DROP, GuestWire.store(target), operation);
  }

  private static final class Session implements CopySession {
    private final GuestWorkplace place;
    private final GuestClient guest;
    private final Operation operation;
    private boolean closed;

    Session(GuestWorkplace place, GuestClient guest, Operation operation) {
      this.place = place;
      this.guest = guest;
      this.operation = operation;
    }

    private void step(String name, @Nullable StageProgress progress) throws InterruptedException {
      guest.call(name, Map.of(), new Listener(progress, new GuestWire.Parts()), operation);
    }

    @Override
    public void copyPaths(StageProgress progress) throws InterruptedException {
      step("copyPaths", progress);
    }

    @Override
    public void copyState(StageProgress progress) throws InterruptedException {
      step("copyState", progress);
    }

    @Override
    public void prove(StageProgress progress) throws InterruptedException {
      step("prove", progress);
    }

    @Override
    public void finish() throws InterruptedException {
      step("finish", null);
    }

    @Override
    public void commit(UUID storageId) throws InterruptedException {
      guest.call(
          "commit",
          GuestWire.object("storageId", storageId.toString()),
          Listener.none(),
          operation);
    }

    @Override
    public CopyReport report() {
      Listener listener = Listener.none();
      return operation.translating(
          "ask for the report of the copy",
          () ->
              GuestWire.copyReport(
                  guest.call("report", Map.of(), listener, operation), listener.parts()));
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        place.endCopy(guest, operation);
      }
    }
  }
}
