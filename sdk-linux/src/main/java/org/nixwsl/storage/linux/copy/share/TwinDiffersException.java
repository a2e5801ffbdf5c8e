package org.nixwsl.storage.linux.copy.share;

import java.io.IOException;
import java.nio.file.Path;
import org.nixwsl.storage.core.io.PathBytes;

/**
 * A file of the other store that had to be identical is not, or cannot be read. What was made of
 * the tree so far is of no use; the tree is to be copied once more without sharing.
 */
public final class TwinDiffersException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Says so of a file. */
  TwinDiffersException(Path twin) {
    super(PathBytes.printable(twin) + " has not the contents that its name promises");
  }

  /** Says so of a file that cannot be read. */
  TwinDiffersException(Path twin, IOException cause) {
    super(PathBytes.printable(twin) + " cannot be read", cause);
  }
}
