package org.nixwsl.storage.linux.copy.share;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.NixStore;

/**
 * The store of another instance, in which a copy looks for files that it need not write: at the
 * same place of a store path that both databases give the same hash, and in {@code .links} under
 * the name that the source has for the file. Where a file is only says where to look; whether it is
 * identical is decided by comparing. Thread-safe.
 */
public final class OtherStore {
  private final @Nullable Path store;
  private final long device;
  private final Map<String, NarHash> paths;
  private final Set<Long> linked = ConcurrentHashMap.newKeySet();
  private final LongAdder bytes = new LongAdder();

  private OtherStore(@Nullable Path store, long device, Map<String, NarHash> paths) {
    this.store = store;
    this.device = device;
    this.paths = paths;
  }

  /** No other store: nothing is shared. */
  public static OtherStore none() {
    return new OtherStore(null, 0, Map.of());
  }

  /** A store, by what its database says now. */
  public static OtherStore of(NixStore other, Operation operation) throws IOException {
    Map<String, NarHash> paths =
        StoreDatabase.of(other).read(operation).rows().stream()
            .filter(OtherStore::hasHash)
            .collect(Collectors.toUnmodifiableMap(StoreRow::name, row -> row.hash().orElseThrow()));
    return new OtherStore(
        other.storeDirectory(), FileFacts.of(other.storeDirectory()).device(), paths);
  }

  /** The NAR sizes of those rows whose store paths are in this store too, in bytes. */
  public long narBytesOf(Collection<StoreRow> rows) {
    return rows.stream().filter(this::has).mapToLong(StoreRow::narSize).sum();
  }

  /** Where files of a store path may be found. */
  public Twins twinsOf(StoreRow row) {
    return new Twins(this, store != null && has(row) ? store.resolve(row.name()) : null);
  }

  /** Where files may be found that belong to no store path: in {@code .links} alone. */
  public Twins twinsInLinks() {
    return new Twins(this, null);
  }

  /** What was shared, for the report; empty when nothing was. */
  public Optional<String> note() {
    return linked.isEmpty()
        ? Optional.empty()
        : Optional.of(
            linked.size()
                + " files and symlinks, with "
                + bytes.sum()
                + " bytes, are shared with "
                + PathBytes.printable(Objects.requireNonNull(store))
                + ": what damages or changes one of them does so in both stores.");
  }

  /** The file in {@code .links} that has a name; empty when there is no other store. */
  Optional<Path> inLinks(Path name) {
    return Optional.ofNullable(store).map(directory -> directory.resolve(".links").resolve(name));
  }

  /** Whether a file is on the file system that the other store began on. */
  boolean carries(FileFacts facts) {
    return facts.device() == device;
  }

  /** Counts a file that was linked to; whether it is the first time. */
  boolean count(FileFacts twin) {
    boolean first = linked.add(twin.inode());
    if (first) {
      bytes.add(twin.size());
    }
    return first;
  }

  /** Whether both databases have it, with the same hash. */
  public boolean has(StoreRow row) {
    return hasHash(row) && row.hash().equals(Optional.ofNullable(paths.get(row.name())));
  }

  private static boolean hasHash(StoreRow row) {
    return row.hash().isPresent() && !row.hash().get().unknown();
  }
}
