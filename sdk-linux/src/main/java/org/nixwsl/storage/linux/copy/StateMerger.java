package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.linux.copy.destination.CopyWorkspace;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.held.Checkpoint;
import org.nixwsl.storage.linux.copy.held.HeldDirectory;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Brings profiles, roots and logs of one store into another that stays a store: they are built
 * whole in the workspace, and then moved in name by name. At each moment each profile leads to a
 * path that one of the two stores has, so that the database has to have them all before.
 *
 * <p>Profiles become those of the first store; roots and logs that only the other one has stay.
 */
final class StateMerger {
  private static final Path VAR = Path.of("var");
  private static final Path STATE = VAR.resolve("nix");
  private static final Path PROFILES = STATE.resolve("profiles");
  private static final Path ROOTS = STATE.resolve("gcroots");
  private static final List<Path> PLACED = List.of(PROFILES, ROOTS, VAR.resolve("log"));

  /** How the hook of the module names what it keeps on the root disk; a copy of them is stale. */
  private static final String OF_THE_HOOK = "nix-storage-";

  private static final String LOCK = ".lock";
  private static final int GROUP_OR_OTHERS_WRITE = 0022;

  private final Path staged;
  private final Path store;
  private final CopyWorkspace workspace;
  private final NodeMaker nodes;
  private final Checkpoint checkpoint;

  /**
   * A merger.
   *
   * @param staged where a {@link StateCopier} copied to, below the workspace
   * @param store the directory that holds {@code var} and stays a store
   */
  StateMerger(
      Path staged, Path store, CopyWorkspace workspace, NodeMaker nodes, Checkpoint checkpoint) {
    this.staged = staged;
    this.store = store;
    this.workspace = workspace;
    this.nodes = nodes;
    this.checkpoint = checkpoint;
  }

  /** Adds to what is staged the roots that only the store has, and those of its hook. */
  void keepRoots() throws IOException {
    StateWalk.walk(store, VAR::equals, new Keeping(), checkpoint);
  }

  private final class Keeping implements StateWalk.Visitor {
    private final Set<Path> made = new HashSet<>();

    @Override
    public boolean enter(Path place, FileFacts facts) throws IOException {
      if (!place.startsWith(ROOTS)) {
        return ROOTS.startsWith(place);
      }
      Path copy = staged.resolve(place);
      if (!exists(copy)) {
        nodes.directory(copy);
        made.add(place);
      }
      return isDirectory(copy);
    }

    @Override
    public void leave(Path place, FileFacts facts) throws IOException {
      if (made.contains(place)) {
        nodes.finish(staged.resolve(place), facts);
      }
    }

    @Override
    public void other(Path place, HeldDirectory in, FileFacts facts) throws IOException {
      Path copy = staged.resolve(place);
      if (!place.startsWith(ROOTS) || named(place).endsWith(LOCK)) {
        return;
      }
      if (ROOTS.equals(place.getParent()) && named(place).startsWith(OF_THE_HOOK)) {
        TreeRemoval.remove(copy);
      }
      if (exists(copy)) {
        return;
      }
      if (facts.symlink()) {
        nodes.symlink(copy, in.readSymbolicLink(place.getFileName(), facts), facts);
      } else if (facts.regular()) {
        nodes.file(copy, facts).close(); // Nix takes it by its name
      }
    }

    @Override
    public void odd(Path place, String why) {}
  }

  /** Moves what is staged in. May be cut short and begun again from a new staging. */
  void place() throws IOException {
    if (isDirectory(store.resolve(PROFILES)) && isDirectory(staged.resolve(PROFILES))) {
      leadProfilesOn();
    }
    place(VAR);
  }

  /**
   * The generations of the two have the same names and lead to different systems: a profile names
   * the path itself while they change.
   */
  private void leadProfilesOn() throws IOException {
    for (Path profile : entries(staged.resolve(PROFILES))) {
      Path to = store.resolve(PROFILES).resolve(profile.getFileName());
      if (!Files.isSymbolicLink(profile) || isDirectory(to)) {
        continue;
      }
      Path generation = profile.resolveSibling(Files.readSymbolicLink(profile));
      if (generation.equals(profile.resolveSibling(generation.getFileName()))
          && Files.isSymbolicLink(generation)) {
        Path link = workspace.directory().resolve("profile");
        Files.deleteIfExists(link);
        Files.createSymbolicLink(link, Files.readSymbolicLink(generation));
        Files.move(link, to, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  private void place(Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    List<Path> last = new ArrayList<>();
    for (Path entry : entries(staged.resolve(directory))) {
      // What leads to a name beside it comes after that name.
      (leadsBeside(entry) ? last : entries).add(entry);
    }
    entries.addAll(last);
    Set<Path> names = new HashSet<>();
    for (Path from : entries) {
      names.add(from.getFileName());
      Path place = directory.resolve(from.getFileName());
      Path to = store.resolve(place);
      if (!isPlaced(place)) {
        continue;
      }
      // The database is in there: whoever may write to it, it never gives way.
      if (STATE.equals(place) || (isDirectory(from) && isDirectory(to) && onlyOurs(to))) {
        place(place);
        continue;
      }
      if (isDirectory(to) || (isDirectory(from) && exists(to))) {
        workspace.discard(to);
      }
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    }
    if (directory.startsWith(PROFILES)) {
      for (Path there : entries(store.resolve(directory))) {
        if (!names.contains(there.getFileName()) && !named(there).endsWith(LOCK)) {
          workspace.discard(there);
        }
      }
    }
  }

  /** The store's sockets, locks and database are its own; what leads to what is placed is, too. */
  private static boolean isPlaced(Path place) {
    return PLACED.stream().anyMatch(part -> place.startsWith(part) || part.startsWith(place));
  }

  private static boolean leadsBeside(Path entry) throws IOException {
    return Files.isSymbolicLink(entry) && !Files.readSymbolicLink(entry).isAbsolute();
  }

  /** Whether nobody else can put a symlink in the place of what is in it. */
  private static boolean onlyOurs(Path directory) throws IOException {
    FileFacts facts = FileFacts.of(directory);
    return facts.uid() == Caller.uid() && (facts.permissions() & GROUP_OR_OTHERS_WRITE) == 0;
  }

  private static List<Path> entries(Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    DirectoryEntries.each(directory, entries::add);
    return entries;
  }

  private static String named(Path place) {
    return PathBytes.printable(PathBytes.ofName(place));
  }

  private static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static boolean isDirectory(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }
}
