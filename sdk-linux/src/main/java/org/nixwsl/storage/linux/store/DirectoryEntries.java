package org.nixwsl.storage.linux.store;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** The entries of a directory, one after another, as the file system lists them. */
public final class DirectoryEntries {
  private DirectoryEntries() {}

  /** What is done with an entry. */
  @FunctionalInterface
  public interface Action {
    /** Does it. */
    void accept(Path entry) throws IOException;
  }

  /**
   * Goes through a directory. An error in the middle of the listing, which Java throws as an
   * unchecked exception, comes out as the input error that it is.
   */
  public static void each(Path directory, Action action) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        action.accept(entry);
      }
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
  }
}
