package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.map;
import static org.nixwsl.storage.core.guest.GuestWire.object;
import static org.nixwsl.storage.core.guest.GuestWire.optionalText;
import static org.nixwsl.storage.core.guest.GuestWire.strings;
import static org.nixwsl.storage.core.guest.GuestWire.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.core.platform.StorageTree;
import org.nixwsl.storage.core.platform.StorageTree.Directory;
import org.nixwsl.storage.core.platform.StorageTree.Facts;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.store.NixStore;

/** The calls of what lies on a storage: their names, their values, who answers. */
final class TreeWire {
  static final String LOOK = "look";
  static final String REFUSALS = "layoutRefusals";
  static final String MAKE_DIRECTORY = "makeDirectory";
  static final String SNAPSHOT = "snapshot";
  static final String ID = "id";
  static final String FINGERPRINT = "storeFingerprint";
  static final String CLAIM = "claim";
  static final String RELEASE = "release";
  static final String REMOVE_ID = "removeId";
  static final String TIDY = "tidy";
  static final String MOVE_TO_TRASH = "moveToTrash";
  static final String HOLDS_NOTHING = "holdsNothing";
  static final String OWNERS = "owners";
  static final String EMPTY_TRASH = "emptyTrash";
  static final String ARM = "arm";
  static final String DISARM = "disarm";
  static final String THERE = "there";

  private TreeWire() {}

  /** The guest's side: does what a call says; empty if the call is none of these. */
  static Optional<Map<String, Object>> answer(
      String call, Map<String, Object> arguments, StorageTree tree, Operation operation)
      throws IOException, InterruptedException {
    switch (call) {
      case LOOK -> {
        return Optional.of(
            facts(
                tree.look(
                    storage(arguments),
                    instance(arguments),
                    GuestWire.store(map(arguments, "source")),
                    operation)));
      }
      case REFUSALS -> {
        return Optional.of(
            GuestWire.problems(
                tree.refusals(
                    layout(arguments),
                    instance(arguments),
                    arguments.containsKey("storage")
                        ? Optional.of(storage(arguments))
                        : Optional.empty(),
                    operation)));
      }
      case MAKE_DIRECTORY -> {
        operation.checkCancelled(); // a host that is gone changes nothing
        tree.makeDirectory(layout(arguments), storage(arguments), instance(arguments), operation);
        return Optional.of(object());
      }
      case SNAPSHOT -> {
        operation.checkCancelled();
        Map<String, Object> fields = object();
        tree.snapshot(
                layout(arguments),
                storage(arguments),
                instance(arguments),
                text(arguments, "purpose"),
                operation)
            .ifPresent(name -> fields.put("name", name));
        return Optional.of(fields);
      }
      case ID -> {
        Map<String, Object> fields = object();
        tree.id(storage(arguments), instance(arguments))
            .ifPresent(id -> fields.put("storageId", id.toString()));
        return Optional.of(fields);
      }
      case FINGERPRINT -> {
        return Optional.of(
            object(
                "fingerprint",
                tree.fingerprint(GuestWire.store(map(arguments, "store")), operation)));
      }
      case MOVE_TO_TRASH -> {
        Map<String, Object> fields = object();
        tree.moveToTrash(storage(arguments), instance(arguments), text(arguments, "name"))
            .ifPresent(name -> fields.put("name", name));
        return Optional.of(fields);
      }
      case HOLDS_NOTHING -> {
        return Optional.of(object("nothing", tree.holdsNothing(storage(arguments))));
      }
      case OWNERS -> {
        return Optional.of(object("owners", tree.owners(storage(arguments))));
      }
      case EMPTY_TRASH -> {
        ReclaimReport report = tree.emptyTrash(storage(arguments), operation);
        return Optional.of(object("removed", report.removed(), "kept", report.kept()));
      }
      case THERE -> {
        return Optional.of(object("there", tree.there(file(arguments))));
      }
      case CLAIM, RELEASE, REMOVE_ID, TIDY, ARM, DISARM -> {
        operation.checkCancelled(); // a host that is gone changes nothing
        change(call, arguments, tree);
        return Optional.of(object());
      }
      default -> {
        return Optional.empty();
      }
    }
  }

  private static void change(String call, Map<String, Object> arguments, StorageTree tree)
      throws IOException, InterruptedException {
    switch (call) {
      case CLAIM -> tree.claim(storage(arguments), instance(arguments), text(arguments, "owner"));
      case RELEASE ->
          tree.release(storage(arguments), instance(arguments), text(arguments, "owner"));
      case REMOVE_ID ->
          tree.removeId(
              storage(arguments),
              instance(arguments),
              UUID.fromString(text(arguments, "storageId")));
      case TIDY -> tree.tidy(storage(arguments), instance(arguments));
      case ARM -> tree.arm(file(arguments));
      default -> tree.disarm(file(arguments));
    }
  }

  static Map<String, Object> storage(MountedStorage storage) {
    Map<String, Object> fields =
        object(
            "mountPoint",
            GuestWire.path(storage.mountPoint()),
            "device",
            storage.device(),
            "fileSystemType",
            storage.fileSystemType());
    storage.fileSystemUuid().ifPresent(uuid -> fields.put("fileSystemUuid", uuid.toString()));
    return object("storage", fields);
  }

  private static MountedStorage storage(Map<String, Object> arguments) {
    Map<String, Object> fields = map(arguments, "storage");
    return new MountedStorage(
        GuestWire.path(text(fields, "mountPoint")),
        text(fields, "device"),
        optionalText(fields, "fileSystemUuid").map(UUID::fromString),
        text(fields, "fileSystemType"));
  }

  static Map<String, Object> directory(MountedStorage storage, InstanceName instance) {
    Map<String, Object> fields = storage(storage);
    fields.put("instance", instance.value());
    return fields;
  }

  static Map<String, Object> layout(
      StorageLayout layout, InstanceName instance, Optional<MountedStorage> storage) {
    Map<String, Object> fields = object("layout", layout.text(), "instance", instance.value());
    storage.map(TreeWire::storage).ifPresent(fields::putAll);
    return fields;
  }

  private static StorageLayout layout(Map<String, Object> arguments) {
    return StorageLayout.parse(text(arguments, "layout"));
  }

  static Map<String, Object> owned(MountedStorage storage, InstanceName instance, String owner) {
    Map<String, Object> fields = directory(storage, instance);
    fields.put("owner", owner);
    return fields;
  }

  private static InstanceName instance(Map<String, Object> arguments) {
    return InstanceName.of(text(arguments, "instance"));
  }

  static Map<String, Object> look(MountedStorage storage, InstanceName instance, NixStore source) {
    Map<String, Object> fields = directory(storage, instance);
    fields.put("source", GuestWire.store(source));
    return fields;
  }

  static Map<String, Object> file(Path file) {
    return object("file", GuestWire.path(file));
  }

  private static Path file(Map<String, Object> arguments) {
    return GuestWire.path(text(arguments, "file"));
  }

  private static Map<String, Object> facts(Facts facts) {
    Map<String, Object> fields =
        object("directory", facts.directory().name(), "users", facts.users());
    facts.storageId().ifPresent(id -> fields.put("storageId", id.toString()));
    facts.owner().ifPresent(owner -> fields.put("owner", owner));
    facts.us().ifPresent(us -> fields.put("us", us));
    return fields;
  }

  static Facts facts(Map<String, Object> fields) {
    return new Facts(
        Directory.valueOf(text(fields, "directory")),
        storageId(fields),
        strings(fields, "users"),
        optionalText(fields, "owner"),
        optionalText(fields, "us"));
  }

  static Optional<UUID> storageId(Map<String, Object> fields) {
    return optionalText(fields, "storageId").map(UUID::fromString);
  }

  static ReclaimReport reclaimed(Map<String, Object> fields) {
    return new ReclaimReport(strings(fields, "removed"), strings(fields, "kept"));
  }
}
