package org.nixwsl.storage.linux.copy.held;

import java.io.IOException;
import java.nio.file.Path;
import org.nixwsl.storage.core.io.PathBytes;

/** A name stood for something else at the second look: whoever reads has to begin again. */
public final class ChangedException extends IOException {
  private static final long serialVersionUID = 1;

  /**
   * Says what changed.
   *
   * @param what what it did, to stand behind the name
   */
  ChangedException(Path file, String what) {
    super(PathBytes.printable(file) + " " + what);
  }

  /** Says what changed, and how that was noticed. */
  ChangedException(Path file, String what, IOException cause) {
    super(PathBytes.printable(file) + " " + what, cause);
  }
}
