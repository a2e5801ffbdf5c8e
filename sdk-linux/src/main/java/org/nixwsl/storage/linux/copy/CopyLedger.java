package org.nixwsl.storage.linux.copy;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.Stream;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.StoreContents;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

/** What a copy did and found so far. Thread-safe. */
final class CopyLedger {
  private final Map<String, CopiedPath> copied = new ConcurrentHashMap<>();
  private final Map<String, NarHash> extraLinks = new ConcurrentHashMap<>();
  private final Set<String> standing = ConcurrentHashMap.newKeySet();
  private final Set<String> readBack = ConcurrentHashMap.newKeySet();
  private final Map<String, StoreFinding> findings = new ConcurrentHashMap<>();
  private final Set<String> leftOut = new ConcurrentSkipListSet<>();
  private final Set<String> notes = new ConcurrentSkipListSet<>();
  private final Operation operation;
  private volatile Optional<State> state = Optional.empty();

  /** See {@link #state(Map, Set)}. */
  record State(Map<Path, CopiedPath> database, Set<String> profilesAndRoots) {
    /** The sum of the NAR sizes. */
    long narBytes() {
      return database.values().stream().mapToLong(CopiedPath::narBytes).sum();
    }
  }

  CopyLedger(Operation operation) {
    this.operation = operation;
  }

  /** A store path is in the target. */
  void copied(String name, CopiedPath path) {
    copied.put(name, path);
  }

  /**
   * A store path was in the target before, and came back from the device as the source has it: it
   * is not counted in what was copied.
   */
  void standing(String name, CopiedPath path) {
    standing.add(name);
    copied.put(name, path);
    readBack.add(name);
  }

  /** Whether {@link #standing} was told of it. */
  boolean isStanding(String name) {
    return standing.contains(name);
  }

  /** A store path is no longer in the target. */
  void removed(String name) {
    standing.remove(name);
    copied.remove(name);
    readBack.remove(name);
    findings.remove(StoreRow.LOGICAL_PREFIX + name);
  }

  /** The store paths in the target, by name; a view. */
  Map<String, CopiedPath> copied() {
    return Collections.unmodifiableMap(copied);
  }

  /**
   * An entry of {@code .links} that shares its inode with no store path is in the target.
   *
   * @param name its place below the store directory
   * @param hash the NAR hash of it alone
   */
  void extraLink(String name, NarHash hash) {
    extraLinks.put(name, hash);
  }

  /** What {@link #extraLink} was told; a view. */
  Map<String, NarHash> extraLinks() {
    return Collections.unmodifiableMap(extraLinks);
  }

  /** What limits a reading of the source's database, and rows that name no store path. */
  void notesOf(StoreContents contents) {
    contents.notes().forEach(this::note);
    contents.badRows().forEach(bad -> badRow(bad.path(), bad.problem()));
  }

  /** A store path or an entry of {@code .links} came back from the device as it was written. */
  void readBack(String name) {
    readBack.add(name);
  }

  /** Whether {@link #readBack} was told of it, and it is in the target still. */
  boolean wasReadBack(String name) {
    return readBack.contains(name);
  }

  /** How many store paths came back. */
  long pathsReadBack() {
    return copied.keySet().stream().filter(this::wasReadBack).count();
  }

  /** The sum of the NAR sizes of the store paths that came back. */
  long bytesReadBack() {
    return copied.entrySet().stream()
        .filter(path -> wasReadBack(path.getKey()))
        .mapToLong(path -> path.getValue().narBytes())
        .sum();
  }

  /**
   * The state is in the target, complete.
   *
   * @param database what was written as the database: trees by their places below {@code var/nix}
   * @param profilesAndRoots what {@link StateCopier#profilesAndRoots} gives of the source
   */
  void state(Map<Path, CopiedPath> database, Set<String> profilesAndRoots) {
    state = Optional.of(new State(Map.copyOf(database), Set.copyOf(profilesAndRoots)));
  }

  /** What {@link #state} was told last; empty before. */
  Optional<State> state() {
    return state;
  }

  /** Something is wrong with a store path in the source; the first thing found stands. */
  void found(String name, Verdict verdict, String detail) {
    add(new StoreFinding(StoreRow.LOGICAL_PREFIX + name, verdict, detail));
  }

  private void badRow(String path, String problem) {
    add(new StoreFinding(path, Verdict.DB, problem));
  }

  private void add(StoreFinding finding) {
    if (findings.putIfAbsent(finding.path(), finding) == null) {
      operation.found(finding);
    }
  }

  /**
   * An entry of the source is not copied.
   *
   * @param place its path below {@code /nix}
   */
  void leftOut(Path place) {
    leftOut.add("/nix/" + PathBytes.printable(place));
  }

  /** Something limits the result. */
  void note(String note) {
    notes.add(note);
  }

  /** Store paths that were copied and have the hash that the database gives. */
  long verifiedPaths() {
    return copied.keySet().stream().filter(this::copiedSound).count();
  }

  /** The sum of the NAR sizes of {@link #verifiedPaths}. */
  long verifiedBytes() {
    return copied.entrySet().stream()
        .filter(e -> copiedSound(e.getKey()))
        .mapToLong(e -> e.getValue().narBytes())
        .sum();
  }

  /** The sum of the NAR sizes of all store paths in the target. */
  long bytesCopied() {
    return copied.values().stream().mapToLong(CopiedPath::narBytes).sum();
  }

  /** Names that are not directories, of all store paths that were copied. */
  long names() {
    return counted().mapToLong(CopiedPath::names).sum();
  }

  /** Files and symlinks that came into the target's store directory, each inode once. */
  long inodes() {
    return extraLinks.size() + counted().mapToLong(CopiedPath::inodes).sum();
  }

  private Stream<CopiedPath> counted() {
    return copied.entrySet().stream()
        .filter(path -> !standing.contains(path.getKey()))
        .map(Map.Entry::getValue);
  }

  /** In the order of the paths. */
  List<StoreFinding> findings() {
    return findings.values().stream().sorted(Comparator.comparing(StoreFinding::path)).toList();
  }

  List<String> leftOut() {
    return List.copyOf(leftOut);
  }

  List<String> notes() {
    return List.copyOf(notes);
  }

  /** Whether a store path of the source was found to be damaged. */
  boolean isDamaged(String name) {
    StoreFinding finding = findings.get(StoreRow.LOGICAL_PREFIX + name);
    return finding != null && finding.verdict().damage();
  }

  private boolean copiedSound(String name) {
    return !standing.contains(name) && !isDamaged(name);
  }
}
