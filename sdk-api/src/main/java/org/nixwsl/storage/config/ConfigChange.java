package org.nixwsl.storage.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What {@link org.nixwsl.storage.NixConfigWriter#write} or {@link
 * org.nixwsl.storage.NixConfigWriter#remove} did.
 *
 * @param module the file of the module
 * @param moduleChange what happened to it
 * @param importState how {@code configuration.nix} or the flake stands to it now
 * @param keptCopy {@code configuration.nix} as it was before the import was added, while it is kept
 * @param toDo what the user has to do, in order: lines to add or remove, commands to run; empty
 *     when nothing is left to do but {@code nixos-rebuild}
 */
public record ConfigChange(
    Path module,
    FileChange moduleChange,
    ImportState importState,
    Optional<Path> keptCopy,
    List<String> toDo) {
  /** Makes the list unmodifiable. */
  public ConfigChange {
    toDo = List.copyOf(toDo);
  }

  /** What happened to a file. */
  public enum FileChange {
    /** It was not there and was made. */
    CREATED,
    /** Its contents were replaced. */
    REPLACED,
    /** It is as it was. */
    UNCHANGED,
    /** It was there and was removed. */
    REMOVED,
    /** It was not there, and is not now. */
    ABSENT
  }

  /** How the configuration stands to the module. */
  public enum ImportState {
    /** The call added the import, with our mark. */
    ADDED,
    /** The marked import was there already. */
    PRESENT,
    /** The user has written the import; it is not ours to change. */
    WRITTEN_BY_USER,
    /** The user has to add it: {@link ConfigChange#toDo} has the line. */
    LEFT_TO_USER,
    /** The call removed the marked import. */
    REMOVED,
    /** There is none, as far as the text shows. */
    ABSENT
  }
}
