package org.nixwsl.storage.linux.copy.tree;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.copy.share.Twins;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/** Writes one tree while it is read. Used by one thread, for one tree. */
public final class TreeWriter implements TreeSink {
  private final Path top;
  private final NodeMaker nodes;
  private final LinkTable links;
  private final Twins twins;
  private final Operation operation;
  private final Deque<Path> directories = new ArrayDeque<>();
  private long inodes;

  /**
   * A writer of one tree.
   *
   * @param top where the tree goes; nothing may be there
   * @param twins files of another store that are linked to instead of being made
   */
  public TreeWriter(Path top, NodeMaker nodes, LinkTable links, Twins twins, Operation operation) {
    this.top = top;
    this.nodes = nodes;
    this.links = links;
    this.twins = twins;
    this.operation = operation;
  }

  /** How many files and symlinks the tree brings that the target's store did not have. */
  public long inodes() {
    return inodes;
  }

  @Override
  public void enterDirectory(Path source, FileFacts facts) throws IOException {
    Path place = placeOf(source);
    nodes.directory(place);
    twins.enterDirectory(source);
    directories.push(place);
  }

  @Override
  public void leaveDirectory(Path source, FileFacts facts) throws IOException {
    twins.leaveDirectory();
    nodes.finish(directories.pop(), facts);
  }

  @Override
  public void symlink(Path source, Path target, FileFacts facts) throws IOException {
    Path place = placeOf(source);
    if (!links.mayBeShared(facts)) {
      makeSymlink(source, place, target, facts);
      return;
    }
    Optional<LinkTable.Claim> claim = links.linkOrClaim(source, facts, place, operation);
    if (claim.isPresent()) {
      boolean made = false;
      try {
        makeSymlink(source, place, target, facts);
        made = true;
      } finally {
        end(claim.get(), made, place);
      }
    }
  }

  @Override
  public Optional<FileSink> regular(Path source, FileFacts facts) throws IOException {
    Path place = placeOf(source);
    if (!links.mayBeShared(facts)) {
      return Optional.of(makeFile(source, place, facts));
    }
    Optional<LinkTable.Claim> claim = links.linkOrClaim(source, facts, place, operation);
    if (claim.isEmpty()) {
      return Optional.empty();
    }
    boolean opened = false;
    try {
      FileSink sink =
          new ClaimedFile(makeFile(source, place, facts), claim.get(), place, facts.size());
      opened = true;
      return Optional.of(sink);
    } finally {
      if (!opened) {
        claim.get().abandon();
      }
    }
  }

  private void makeSymlink(Path source, Path place, Path target, FileFacts facts)
      throws IOException {
    Optional<Boolean> first =
        twins.linkSymlink(source, target, facts, links.nameInLinks(facts), place);
    if (first.isEmpty()) {
      nodes.symlink(place, target, facts);
    }
    inodes += first.orElse(true) ? 1 : 0;
  }

  private FileSink makeFile(Path source, Path place, FileFacts facts) throws IOException {
    Optional<Twins.Linked> twin = twins.link(source, facts, links.nameInLinks(facts), place);
    inodes += twin.map(Twins.Linked::first).orElse(true) ? 1 : 0;
    return twin.isPresent() ? twin.get().file() : nodes.file(place, facts);
  }

  private static void end(LinkTable.Claim claim, boolean made, Path place) throws IOException {
    if (made) {
      claim.publish(place);
    } else {
      claim.abandon();
    }
  }

  private Path placeOf(Path source) {
    @Nullable Path directory = directories.peek();
    Path name = source.getFileName();
    return directory == null || name == null ? top : directory.resolve(name);
  }

  /** A file that others will link to once it is whole. */
  private static final class ClaimedFile implements FileSink {
    private final FileSink file;
    private final LinkTable.Claim claim;
    private final Path place;
    private final long size;
    private long length;

    ClaimedFile(FileSink file, LinkTable.Claim claim, Path place, long size) {
      this.file = file;
      this.claim = claim;
      this.place = place;
      this.size = size;
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
      int count = bytes.remaining();
      file.write(bytes);
      length += count;
    }

    @Override
    public void close() throws IOException {
      boolean whole = false;
      try {
        file.close();
        whole = length == size;
      } finally {
        end(claim, whole, place);
      }
    }
  }
}
