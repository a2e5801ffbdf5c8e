package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.NixStore;

/** What lies on a storage, looked at and changed by a guest. */
final class GuestTree implements StorageTree {
  private final GuestWorkplace place;

  GuestTree(GuestWorkplace place) {
    this.place = place;
  }

  @Override
  public Facts look(
      MountedStorage storage, InstanceName instance, NixStore source, Operation operation)
      throws IOException, InterruptedException {
    return TreeWire.facts(
        place.repeatable(TreeWire.LOOK, TreeWire.look(storage, instance, source), operation));
  }

  @Override
  public List<Problem> refusals(
      StorageLayout layout,
      InstanceName instance,
      Optional<MountedStorage> storage,
      Operation operation)
      throws IOException, InterruptedException {
    return GuestWire.problems(
        place.repeatable(TreeWire.REFUSALS, TreeWire.layout(layout, instance, storage), operation));
  }

  @Override
  public void makeDirectory(
      StorageLayout layout, MountedStorage storage, InstanceName instance, Operation operation)
      throws IOException, InterruptedException {
    place.repeatable(
        TreeWire.MAKE_DIRECTORY,
        TreeWire.layout(layout, instance, Optional.of(storage)),
        operation);
  }

  @Override
  public Optional<String> snapshot(
      StorageLayout layout,
      MountedStorage storage,
      InstanceName instance,
      String purpose,
      Operation operation)
      throws IOException, InterruptedException {
    Map<String, Object> arguments = TreeWire.layout(layout, instance, Optional.of(storage));
    arguments.put("purpose", purpose);
    return GuestWire.optionalText(
        place.repeatable(TreeWire.SNAPSHOT, arguments, operation), "name");
  }

  @Override
  public Optional<UUID> id(MountedStorage storage, InstanceName instance) {
    return TreeWire.storageId(quietly(TreeWire.ID, TreeWire.directory(storage, instance)));
  }

  @Override
  public String fingerprint(NixStore store, Operation operation)
      throws IOException, InterruptedException {
    return GuestWire.text(
        place.repeatable(TreeWire.FINGERPRINT, StillnessWire.store(store), operation),
        "fingerprint");
  }

  @Override
  public void claim(MountedStorage storage, InstanceName instance, String owner) {
    quietly(TreeWire.CLAIM, TreeWire.owned(storage, instance, owner));
  }

  @Override
  public void release(MountedStorage storage, InstanceName instance, String owner) {
    quietly(TreeWire.RELEASE, TreeWire.owned(storage, instance, owner));
  }

  @Override
  public void removeId(MountedStorage storage, InstanceName instance, UUID storageId) {
    Map<String, Object> arguments = TreeWire.directory(storage, instance);
    arguments.put("storageId", storageId.toString());
    quietly(TreeWire.REMOVE_ID, arguments);
  }

  @Override
  public void tidy(MountedStorage storage, InstanceName instance) {
    quietly(TreeWire.TIDY, TreeWire.directory(storage, instance));
  }

  /** Not repeated: who does it twice does not learn the name. */
  @Override
  public Optional<String> moveToTrash(MountedStorage storage, InstanceName instance, String name) {
    Map<String, Object> arguments = TreeWire.directory(storage, instance);
    arguments.put("name", name);
    return GuestWire.optionalText(
        Operation.quiet(
            "move a directory to the trash",
            operation -> place.call(TreeWire.MOVE_TO_TRASH, arguments, Listener.none(), operation)),
        "name");
  }

  @Override
  public boolean holdsNothing(MountedStorage storage) {
    return GuestWire.flag(quietly(TreeWire.HOLDS_NOTHING, TreeWire.storage(storage)), "nothing");
  }

  @Override
  public List<String> owners(MountedStorage storage) {
    return GuestWire.strings(quietly(TreeWire.OWNERS, TreeWire.storage(storage)), "owners");
  }

  /** Not repeated: who does it twice does not learn what was removed. */
  @Override
  public ReclaimReport emptyTrash(MountedStorage storage, Operation operation)
      throws IOException, InterruptedException {
    return TreeWire.reclaimed(
        place.call(TreeWire.EMPTY_TRASH, TreeWire.storage(storage), Listener.none(), operation));
  }

  @Override
  public void arm(Path flag) {
    quietly(TreeWire.ARM, TreeWire.file(flag));
  }

  @Override
  public void disarm(Path flag) {
    quietly(TreeWire.DISARM, TreeWire.file(flag));
  }

  @Override
  public boolean there(Path file) {
    return GuestWire.flag(quietly(TreeWire.THERE, TreeWire.file(file)), "there");
  }

  /** Short calls, which locally are not cancelled in the middle either. */
  private Map<String, Object> quietly(String call, Map<String, Object> arguments) {
    return Operation.quiet(call, operation -> place.repeatable(call, arguments, operation));
  }
}
