package org.nixwsl.storage.store;

import java.util.Optional;
import java.util.OptionalInt;
import org.immutables.value.Value;

/** A copy of a whole store into an empty place, or onto an earlier copy of it. */
@Value.Immutable
@ValueStyle
public interface CopyRequest {
  /** The store to read. It is never written to. */
  NixStore source();

  /**
   * Where to. The directory is made when it is not there; it must not hold another store, unless
   * {@link #update} is said.
   */
  NixStore target();

  /** How many threads copy; chosen by the SDK when not said. At least 1. */
  OptionalInt threads();

  /** Whether the target is read back from the device and compared; yes when not said. */
  @Value.Default
  default boolean reread() {
    return true;
  }

  /**
   * Whether the target may be a store that an earlier copy finished, and that no instance uses yet;
   * no when not said. It is brought to what the source is now: store paths that both have with the
   * same hash stay, new ones are copied, and profiles, roots and database are renewed. It ends as a
   * fresh copy would, save that hard links which Nix made between files since are not made.
   *
   * <p>Nothing of the old store is deleted: its state, and the store paths that the source has not
   * or has with another hash, are moved to {@code .nixwsl/trash/NAME-NUMBER} beside the target, or
   * in it when it is the top of a file system, for you to delete. The first thing that goes there
   * is the old database, after all that is new was copied; from then on the target is no store
   * until the call is done. A call that was cut short is gone on with as any copy, by the next
   * call.
   *
   * <p>What the target has is believed to be what its database says, until it is read back at the
   * end; with {@link #paranoid} it is read and compared first.
   */
  @Value.Default
  default boolean update() {
    return false;
  }

  /**
   * Whether a copy that goes on where an earlier call stopped believes nothing of it; no when not
   * said. All that is in the target already is then read from the device: contents are compared by
   * their hash, modes, owners and times with the source, and what differs is copied again.
   * Otherwise what the journal of the copy has is believed, if it still has the right size.
   */
  @Value.Default
  default boolean paranoid() {
    return false;
  }

  /**
   * The store of another instance on the file system of the target. Where a file there is identical
   * to one that is to be copied, the target gets a hard link to it instead of a file of its own:
   * the same type, mode, owner, group and time, and the same contents, which are compared byte for
   * byte while the source is read and hashed. Nothing is believed by its name or size. Not linked
   * when not said.
   *
   * <p>What that costs, as a hard link is one file with two names:
   *
   * <ul>
   *   <li>A damaged block, or a program of root that writes into a file or changes its mode, hits
   *       both stores. One is no backup of the other.
   *   <li>{@code nix-store --verify --repair} mends one store and leaves the file in the other as
   *       it is.
   *   <li>Nix does not remove an entry of {@code .links} that the other store shares, reports less
   *       freed space than there is, and with {@code min-free} and {@code max-free} may delete all
   *       that is dead without reaching its goal.
   *   <li>All stores together have the 65,000 links that ext4 gives to a file. What is over is
   *       copied.
   *   <li>Extended attributes of a linked file are those of the other store.
   * </ul>
   *
   * <p>Nix itself never writes into a file of a store, so that building, optimising and collecting
   * garbage in one leave the other as it is. File systems that share blocks between independent
   * files (reflinks) are not used for it.
   */
  Optional<NixStore> linkIdenticalFrom();

  /**
   * Whether extended attributes of store paths are copied, POSIX ACLs and capabilities among them;
   * no when not said. Nix removes them when it registers a path, so that any that are there came
   * later. When they are not copied, they are reported as findings ({@link Verdict#METADATA}) when
   * the target is read back. When they are, {@code setfattr} of the package attr gives them to the
   * copies after that, and those that the target does not take are reported. Labels of SELinux are
   * left to the policy of the machine. Excludes {@link #linkIdenticalFrom}: attributes of a file
   * that two stores share would change in both.
   */
  @Value.Default
  default boolean copyExtendedAttributes() {
    return false;
  }

  /** Refuses a thread count that makes no sense, and what cannot be asked for together. */
  @Value.Check
  default void check() {
    if (copyExtendedAttributes() && linkIdenticalFrom().isPresent()) {
      throw new IllegalArgumentException(
          "copyExtendedAttributes and linkIdenticalFrom exclude each other");
    }
    if (threads().isPresent() && (threads().getAsInt() < 1 || threads().getAsInt() > 1024)) {
      throw new IllegalArgumentException(
          "threads must be from 1 to 1024, not " + threads().getAsInt());
    }
  }

  /** A copy with re-reading. */
  static CopyRequest of(NixStore source, NixStore target) {
    return builder().source(source).target(target).build();
  }

  /** Starts with the defaults; source and target have to be given. */
  static Builder builder() {
    return new Builder();
  }

  /** Builds a {@link CopyRequest}. Not thread-safe; each part is set once. */
  final class Builder extends ImmutableCopyRequest.Builder {
    Builder() {}
  }
}
