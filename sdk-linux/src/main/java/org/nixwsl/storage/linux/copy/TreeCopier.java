package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.linux.copy.destination.TreeRemoval;
import org.nixwsl.storage.linux.copy.share.TwinDiffersException;
import org.nixwsl.storage.linux.copy.share.Twins;
import org.nixwsl.storage.linux.copy.tree.TreeWriter;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;

/**
 * Copies one tree, and links to what another store has of it. When that turns out to be not what it
 * was taken for, the tree is read once more and written whole. Used by one thread.
 */
final class TreeCopier {
  private final PathCopier.Parts parts;
  private final Path source;
  private final Path place;
  private final LongConsumer bytesRead;
  private long position;
  private long told;

  /**
   * A copier of one tree.
   *
   * @param place where it goes; nothing may be there
   * @param bytesRead is told of contents that were read for the first time, in pieces
   */
  TreeCopier(PathCopier.Parts parts, Path source, Path place, LongConsumer bytesRead) {
    this.parts = parts;
    this.source = source;
    this.place = place;
    this.bytesRead = bytesRead;
  }

  /**
   * Copies it.
   *
   * @param row the store path that it is; empty for an entry of {@code .links}
   */
  CopiedPath copy(Optional<StoreRow> row, TreeWalker walker)
      throws IOException, UnreadableException {
    Twins twins = row.map(parts.other()::twinsOf).orElseGet(() -> parts.other().twinsInLinks());
    try {
      return write(twins, walker);
    } catch (TwinDiffersException e) {
      parts.operation().checkCancelled();
      parts
          .ledger()
          .note(
              "What could not be shared with the other store was copied: "
                  + e.getMessage()
                  + ". Verify that store.");
      TreeRemoval.remove(place);
      return write(Twins.none(), walker);
    }
  }

  private CopiedPath write(Twins twins, TreeWalker walker) throws IOException, UnreadableException {
    position = 0;
    TreeWriter writer =
        new TreeWriter(place, parts.nodes(), parts.links(), twins, parts.operation());
    TreeWalker.Walk walk = walker.walk(source, writer, parts.operation(), this::tell);
    NarHash hash = walk.hash().orElseThrow();
    return new CopiedPath(hash, walk.narSize(), walk.files(), writer.inodes());
  }

  private void tell(long bytes) {
    position += bytes;
    if (position > told) {
      bytesRead.accept(position - told);
      told = position;
    }
  }
}
