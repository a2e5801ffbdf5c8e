package org.nixwsl.storage.core.migrate.journal;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.NixStore;

/**
 * The lines of a journal and their meaning. A line that has none is an {@link
 * IllegalArgumentException}.
 */
final class JournalText {
  /** Grows when a reader of before would read a line wrongly. */
  static final int VERSION = 3;

  private static final int WITHOUT_LAYOUT = 2;

  /**
   * The first version has no words for stages that only some requests have, and the second none for
   * a layout: who knows of none would make the default one.
   */
  private static int version(MigrationRequest request) {
    if (!request.storage().layout().equals(StorageLayout.ofDefaults())) {
      return VERSION;
    }
    boolean first =
        request.distribution().isEmpty()
            && !request.switchSystem()
            && !request.restart()
            && request.logonCommand().isEmpty();
    return first ? 1 : WITHOUT_LAYOUT;
  }

  /** How the first line begins; the version and one object follow. */
  static final String MAGIC = "nixwsl-migration ";

  private JournalText() {}

  static String header(JournalHeader header) {
    MigrationRequest request = header.request();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("migration", header.migration().toString());
    fields.put("storageId", header.storageId().toString());
    fields.put("begun", header.begun().toString());
    fields.put("source", PathBytes.printable(request.source().directory()));
    fields.put("instance", request.instance().value());
    fields.put("storage", storage(request.storage()));
    request.createDisk().ifPresent(disk -> fields.put("createDisk", disk(disk)));
    request.threads().ifPresent(threads -> fields.put("threads", threads));
    request
        .configDirectory()
        .ifPresent(directory -> fields.put("configDirectory", PathBytes.printable(directory)));
    fields.put("detachAtEnd", request.detachAtEnd());
    int version = version(request);
    if (version > 1) {
      request.distribution().ifPresent(name -> fields.put("distribution", name));
      fields.put("switchSystem", request.switchSystem());
      fields.put("restart", request.restart());
      fields.put("logonCommand", request.logonCommand());
    }
    return MAGIC + version + " " + ascii(fields);
  }

  static JournalHeader header(String line) {
    Map<String, Object> fields = object(line.substring(line.indexOf('{')));
    MigrationRequest.Builder request =
        MigrationRequest.builder()
            .source(NixStore.ofNixDirectory(path(fields, "source")))
            .instance(InstanceName.of(text(fields, "instance")))
            .storage(storage(map(fields, "storage")))
            .detachAtEnd(flag(fields, "detachAtEnd"));
    if (fields.containsKey("createDisk")) {
      request.createDisk(disk(map(fields, "createDisk")));
    }
    if (fields.containsKey("threads")) {
      request.threads(Math.toIntExact(number(fields, "threads")));
    }
    if (fields.containsKey("configDirectory")) {
      request.configDirectory(path(fields, "configDirectory"));
    }
    if (!line.startsWith(MAGIC + "1 ")) {
      if (fields.containsKey("distribution")) {
        request.distribution(text(fields, "distribution"));
      }
      request
          .switchSystem(flag(fields, "switchSystem"))
          .restart(flag(fields, "restart"))
          .addAllLogonCommand(texts(fields, "logonCommand"));
    }
    return new JournalHeader(
        UUID.fromString(text(fields, "migration")),
        UUID.fromString(text(fields, "storageId")),
        instant(fields, "begun"),
        request.build());
  }

  static String entry(long number, JournalEntry entry) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("n", number);
    fields.put("at", entry.at().toString());
    fields.put("kind", word(entry.kind()));
    fields.put("stage", word(entry.stage()));
    if (!entry.facts().isEmpty()) {
      fields.put("facts", new TreeMap<>(entry.facts()));
    }
    return ascii(fields);
  }

  /** The entry of a line that has to have this number. */
  static JournalEntry entry(long number, String line) {
    Map<String, Object> fields = object(line);
    if (number(fields, "n") != number) {
      throw new IllegalArgumentException("line " + number + " has the number " + fields.get("n"));
    }
    Map<String, String> facts = new TreeMap<>();
    if (fields.containsKey("facts")) {
      Map<String, Object> given = map(fields, "facts");
      given.keySet().forEach(name -> facts.put(name, text(given, name)));
    }
    return new JournalEntry(
        instant(fields, "at"),
        constant(JournalEntry.Kind.class, text(fields, "kind")),
        constant(Stage.class, text(fields, "stage")),
        facts);
  }

  private static Map<String, Object> storage(SharedStorage storage) {
    Map<String, Object> fields = new LinkedHashMap<>();
    if (storage.location() instanceof StorageLocation.VhdxFile vhdx) {
      fields.put("vhdx", PathBytes.printable(vhdx.file()));
    } else if (storage.location() instanceof StorageLocation.MountedDirectory directory) {
      fields.put("directory", PathBytes.printable(directory.directory()));
    } else if (storage.location() instanceof StorageLocation.PhysicalDisk disk) {
      fields.put("physicalDisk", disk.device());
      disk.partition().ifPresent(partition -> fields.put("partition", partition));
    }
    fields.put("mountName", storage.mountName().value());
    storage.fileSystemUuid().ifPresent(uuid -> fields.put("fileSystemUuid", uuid.toString()));
    if (!storage.layout().equals(StorageLayout.ofDefaults())) {
      fields.put("layout", storage.layout().text());
    }
    return fields;
  }

  private static SharedStorage storage(Map<String, Object> fields) {
    StorageLocation location;
    if (fields.containsKey("vhdx")) {
      location = new StorageLocation.VhdxFile(path(fields, "vhdx"));
    } else if (fields.containsKey("directory")) {
      location = new StorageLocation.MountedDirectory(path(fields, "directory"));
    } else {
      Optional<Integer> partition =
          fields.containsKey("partition")
              ? Optional.of(Math.toIntExact(number(fields, "partition")))
              : Optional.empty();
      location = new StorageLocation.PhysicalDisk(text(fields, "physicalDisk"), partition);
    }
    SharedStorage.Builder storage =
        SharedStorage.builder()
            .location(location)
            .mountName(MountName.of(text(fields, "mountName")));
    if (fields.containsKey("fileSystemUuid")) {
      storage.fileSystemUuid(UUID.fromString(text(fields, "fileSystemUuid")));
    }
    if (fields.containsKey("layout")) {
      storage.layout(StorageLayout.parse(text(fields, "layout")));
    }
    return storage.build();
  }

  private static Map<String, Object> disk(DiskSpec disk) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("virtualSize", disk.virtualSize().bytes());
    fields.put("blockSize", disk.blockSize().bytes());
    fields.put("logicalSectorSize", disk.logicalSectorSize());
    fields.put("physicalSectorSize", disk.physicalSectorSize());
    fields.put("fixed", disk.fixed());
    return fields;
  }

  private static DiskSpec disk(Map<String, Object> fields) {
    return DiskSpec.builder()
        .virtualSize(ByteSize.ofBytes(number(fields, "virtualSize")))
        .blockSize(ByteSize.ofBytes(number(fields, "blockSize")))
        .logicalSectorSize(Math.toIntExact(number(fields, "logicalSectorSize")))
        .physicalSectorSize(Math.toIntExact(number(fields, "physicalSectorSize")))
        .fixed(flag(fields, "fixed"))
        .build();
  }

  /** Outside of its strings JSON is ASCII, so that escaping the rest everywhere is right. */
  private static String ascii(Map<String, Object> fields) {
    String json;
    try {
      json = JSON.std.asString(fields);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    StringBuilder out = new StringBuilder(json.length());
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      if (c < 0x7f) {
        out.append(c);
      } else {
        out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      }
    }
    return out.toString();
  }

  private static Map<String, Object> object(String text) {
    try {
      return JSON.std.mapFrom(text);
    } catch (IOException e) {
      throw new IllegalArgumentException("not an object: " + e.getMessage(), e);
    }
  }

  private static <E extends Enum<E>> E constant(Class<E> type, String word) {
    return Enum.valueOf(type, word.toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Path path(Map<String, Object> fields, String name) {
    return PathBytes.fromPrintable(text(fields, name));
  }

  private static Instant instant(Map<String, Object> fields, String name) {
    try {
      return Instant.parse(text(fields, name));
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(name + " is no time", e);
    }
  }

  private static String text(Map<String, Object> fields, String name) {
    if (fields.get(name) instanceof String text) {
      return text;
    }
    throw missing(name);
  }

  private static List<String> texts(Map<String, Object> fields, String name) {
    if (fields.get(name) instanceof List<?> list) {
      return list.stream()
          .map(word -> word instanceof String text ? Optional.of(text) : Optional.<String>empty())
          .map(word -> word.orElseThrow(() -> missing(name)))
          .toList();
    }
    throw missing(name);
  }

  private static long number(Map<String, Object> fields, String name) {
    if (fields.get(name) instanceof Number number) {
      return number.longValue();
    }
    throw missing(name);
  }

  private static boolean flag(Map<String, Object> fields, String name) {
    if (fields.get(name) instanceof Boolean flag) {
      return flag;
    }
    throw missing(name);
  }

  private static Map<String, Object> map(Map<String, Object> fields, String name) {
    if (fields.get(name) instanceof Map<?, ?> map) {
      Map<String, Object> copy = new LinkedHashMap<>();
      map.forEach((key, value) -> copy.put(String.valueOf(key), value));
      return copy;
    }
    throw missing(name);
  }

  private static IllegalArgumentException missing(String name) {
    return new IllegalArgumentException("'" + name + "' is missing or of another kind");
  }
}
