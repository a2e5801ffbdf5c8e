package org.nixwsl.storage.linux.copy.tree;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/** Writes one tree while it is read. Used by one thread, for one tree. */
public final class TreeWriter implements TreeSink {
  private final Path top;
  private final NodeMaker nodes;
  private final LinkTable links;
  private final Operation operation;
  private final Deque<Path> directories = new ArrayDeque<>();
  private long inodes;

  /**
   * A writer of one tree.
   *
   * @param top where the tree goes; nothing may be there
   */
  public TreeWriter(Path top, NodeMaker nodes, LinkTable links, Operation operation) {
    this.top = top;
    this.nodes = nodes;
    this.links = links;
    this.operation = operation;
  }

  /** How many files and symlinks were made, that is, are not links to others. */
  public long inodes() {
    return inodes;
  }

  @Override
  public void enterDirectory(Path source, FileFacts facts) throws IOException {
    Path place = placeOf(source);
    nodes.directory(place);
    directories.push(place);
  }

  @Override
  public void leaveDirectory(Path source, FileFacts facts) throws IOException {
    nodes.finish(directories.pop(), facts);
  }

  @Override
  public void symlink(Path source, Path target, FileFacts facts) throws IOException {
    Path place = placeOf(source);
    if (!links.mayBeShared(facts)) {
      nodes.symlink(place, target, facts);
      inodes++;
      return;
    }
    Optional<LinkTable.Claim> claim = links.linkOrClaim(source, facts, place, operation);
    if (claim.isPresent()) {
      boolean made = false;
      try {
        nodes.symlink(place, target, facts);
        inodes++;
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
      inodes++;
      return Optional.of(nodes.file(place, facts));
    }
    Optional<LinkTable.Claim> claim = links.linkOrClaim(source, facts, place, operation);
    if (claim.isEmpty()) {
      return Optional.empty();
    }
    boolean opened = false;
    try {
      FileSink sink = new ClaimedFile(nodes.file(place, facts), claim.get(), place, facts.size());
      inodes++;
      opened = true;
      return Optional.of(sink);
    } finally {
      if (!opened) {
        claim.get().abandon();
      }
    }
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
    private final NodeMaker.FileMaking file;
    private final LinkTable.Claim claim;
    private final Path place;
    private final long size;

    ClaimedFile(NodeMaker.FileMaking file, LinkTable.Claim claim, Path place, long size) {
      this.file = file;
      this.claim = claim;
      this.place = place;
      this.size = size;
    }

    @Override
    public void write(ByteBuffer bytes) throws IOException {
      file.write(bytes);
    }

    @Override
    public void close() throws IOException {
      boolean whole = false;
      try {
        file.close();
        whole = file.length() == size;
      } finally {
        end(claim, whole, place);
      }
    }
  }
}
