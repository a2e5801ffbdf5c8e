package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.DirectoryEntries;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;
import org.nixwsl.storage.store.NixStore;

/**
 * Store paths that a copy put others in the place of, in a store whose database it did not come to
 * replace: they are what that database speaks of. Contents decide, not what a journal says: Nix may
 * have worked there since.
 */
final class ReplacedPaths {
  private ReplacedPaths() {}

  /**
   * Moves back from the trash what the database knows, where its place is empty or holds something
   * else.
   *
   * @param rows what the database of the target knows, by name
   */
  static void putBack(NixStore target, Trash trash, Map<String, StoreRow> rows, Operation operation)
      throws IOException {
    Path kept = trash.directory().resolve("store");
    if (!Files.isDirectory(kept, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<String> names = new ArrayList<>();
    DirectoryEntries.each(kept, entry -> names.add(PathBytes.printable(PathBytes.ofName(entry))));
    for (String name : names) {
      StoreRow row = rows.get(name);
      if (row == null) {
        continue;
      }
      Path place = target.storeDirectory().resolve(name);
      boolean absent = !Files.exists(place, LinkOption.NOFOLLOW_LINKS);
      if (absent || (!is(row, place, operation) && is(row, kept.resolve(name), operation))) {
        if (!absent) {
          trash.take(target.directory(), target.directory().relativize(place));
        }
        Files.move(kept.resolve(name), place, StandardCopyOption.ATOMIC_MOVE);
        DurableFiles.forceDirectory(target.storeDirectory());
      }
    }
  }

  private static boolean is(StoreRow row, Path tree, Operation operation) throws IOException {
    try {
      Optional<NarHash> hash =
          new TreeWalker().walk(tree, TreeSink.none(), operation, bytes -> {}).hash();
      return hash.equals(row.hash());
    } catch (UnreadableException cannotBeWhole) {
      return false;
    }
  }
}
