package org.nixwsl.storage.linux.store;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Is told of each node of a tree while {@link TreeWalker} goes through it, in the order of a NAR.
 * What it throws ends the walk and comes out of it unchanged. Used by one thread at a time.
 */
public interface TreeSink {
  /** Before the first child of a directory. */
  void enterDirectory(Path source, FileFacts facts) throws IOException;

  /** After the last child of a directory. */
  void leaveDirectory(Path source, FileFacts facts) throws IOException;

  /**
   * A symlink.
   *
   * @param target what it points to, byte for byte
   */
  void symlink(Path source, Path target, FileFacts facts) throws IOException;

  /**
   * A regular file, before it is opened.
   *
   * @return where its contents go; empty when they are only hashed. The walker closes it, also when
   *     reading fails: then fewer bytes than {@code facts.size()} came.
   */
  Optional<FileSink> regular(Path source, FileFacts facts) throws IOException;

  /** Takes the contents of one file. */
  interface FileSink extends Closeable {
    /** Takes the next bytes, all of them; the buffer is the walker's and is used again. */
    void write(ByteBuffer bytes) throws IOException;

    /** Ends the file: the place to set mode and times. */
    @Override
    void close() throws IOException;
  }

  /** A sink that wants nothing. */
  static TreeSink none() {
    return NoSink.INSTANCE;
  }

  /** See {@link #none}. */
  enum NoSink implements TreeSink {
    /** It has no state. */
    INSTANCE;

    @Override
    public void enterDirectory(Path source, FileFacts facts) {}

    @Override
    public void leaveDirectory(Path source, FileFacts facts) {}

    @Override
    public void symlink(Path source, Path target, FileFacts facts) {}

    @Override
    public Optional<FileSink> regular(Path source, FileFacts facts) {
      return Optional.empty();
    }
  }
}
