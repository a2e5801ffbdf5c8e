package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost.Measure;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.machine.StoreFileSystems;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** Every reason why a directory cannot take a copy. Changes nothing. Thread-safe. */
public final class TargetChecks {
  /** Room for directories that grow differently and for the journal of the file system. */
  private static final double MARGIN = 1.05;

  /** What an instance needs to boot and to work where its store is. */
  private static final long SPARE_BYTES = 16L << 20;

  /** Profiles, roots and logs; few, or small beside a store. */
  private static final long STATE_INODES = 1000;

  private static final int STICKY = 01000;
  private static final int GROUP_WRITES = 0020;
  private static final int OTHERS_WRITE = 0002;

  private final ProcessRunner processes;

  /** Checks that ask the programs of this runner. */
  public TargetChecks(ProcessRunner processes) {
    this.processes = processes;
  }

  /**
   * All reasons, the gravest first.
   *
   * @param need the size of the source
   */
  public List<Problem> refusals(CopyRequest request, Measure need, Operation operation)
      throws IOException, InterruptedException {
    Path target = request.target().directory();
    Path existing = deepestExisting(target);
    if (!Files.exists(existing)) {
      return List.of(unsuitable(target, PathBytes.printable(existing) + " is a dangling symlink"));
    }
    List<Problem> problems = new ArrayList<>();
    lyingInside(request.source(), target, existing).ifPresent(problems::add);
    Occupation occupation = Occupation.of(request);
    if (occupation == Occupation.OTHER_COPY
        || occupation == Occupation.FOREIGN
        || (occupation == Occupation.FINISHED && !request.update())) {
      problems.add(notEmpty(request.target(), occupation).problem());
    }
    badMount(target, existing, true).ifPresent(problems::add);
    writableByOthers(target, existing.toRealPath()).ifPresent(problems::add);
    if (problems.isEmpty() && occupation == Occupation.FREE) {
      noRoom(target, existing, need, operation).ifPresent(problems::add);
    }
    return List.copyOf(problems);
  }

  /** All reasons but room why a copy cannot go into a store that stays one. */
  public List<Problem> refusalsOfMerge(CopyRequest request) throws IOException {
    NixStore target = request.target();
    Path directory = target.directory();
    if (!Occupation.isStore(target)) {
      return List.of(noStore(target));
    }
    List<Problem> problems = new ArrayList<>();
    lyingInside(request.source(), directory, directory).ifPresent(problems::add);
    Path workspace = directory.resolve(CopyWorkspace.DIRECTORY);
    if (Files.exists(workspace, LinkOption.NOFOLLOW_LINKS) && !Occupation.isOurs(workspace)) {
      problems.add(notEmpty(target, Occupation.FOREIGN).problem());
    }
    // Of whatever type its file system is: the store lived there.
    badMount(directory, directory, false).ifPresent(problems::add);
    writableByOthers(directory, directory.toRealPath()).ifPresent(problems::add);
    if (problems.isEmpty()) {
      stateWritableByOthers(target).ifPresent(problems::add);
    }
    return List.copyOf(problems);
  }

  /** The new database is put in the place of the old one by its name. */
  private static Optional<Problem> stateWritableByOthers(NixStore target) throws IOException {
    Path place = target.stateDirectory().resolve("db").toRealPath();
    return changeableByOthers(place, place)
        .map(
            p ->
                Problem.of(
                    ErrorCode.UNSUITABLE_FILE_SYSTEM,
                    "Cannot change the database of "
                        + PathBytes.printable(target.directory())
                        + " as root: "
                        + PathBytes.printable(p)
                        + " can be changed by users who are not root.",
                    "Give it to root and take the others' right to write (chown root, chmod go-w),"
                        + " and call again."));
  }

  /**
   * The reason that there is no room for what a copy into a store that stays one brings.
   *
   * @param need the store paths that have to be added
   */
  public Optional<Problem> noRoomForMerge(CopyRequest request, Measure need, Operation operation)
      throws IOException, InterruptedException {
    Path directory = request.target().directory();
    long databases = 2 * FileFacts.of(request.source().database()).size();
    Measure whole =
        new Measure(
            need.paths(),
            need.narBytes(),
            need.inodes() + STATE_INODES,
            need.diskBytes() + SPARE_BYTES + databases);
    return noRoom(directory, directory, whole, operation);
  }

  private static Problem noStore(NixStore target) {
    return Problem.of(
        ErrorCode.NOT_A_STORE,
        PathBytes.printable(target.directory()) + " is no store with a database any more.",
        "Restore it first.");
  }

  /** The exception that a problem of this class is thrown as. */
  public static StorageSdkException asException(Problem problem) {
    return switch (problem.code()) {
      case TARGET_NOT_EMPTY, TARGET_INSIDE_SOURCE, STORAGE_BUSY, STORE_IN_USE ->
          new ConflictException(problem);
      default -> new EnvironmentException(problem);
    };
  }

  static ConflictException notEmpty(NixStore target, Occupation occupation) {
    boolean otherCopy = occupation == Occupation.OTHER_COPY;
    return new ConflictException(
        Problem.of(
            ErrorCode.TARGET_NOT_EMPTY,
            "Cannot copy to "
                + PathBytes.printable(target.directory())
                + ": it holds "
                + (otherCopy
                    ? "an unfinished copy of another store."
                    : "a finished store, or files that the SDK did not put there."),
            "Name an empty directory or one that does not exist; or, for a finished copy that no"
                + " instance uses yet, ask for an update."));
  }

  private static Optional<Problem> lyingInside(NixStore source, Path target, Path existing)
      throws IOException {
    Path from = source.directory().toRealPath();
    Path to = existing.toRealPath().resolve(existing.relativize(target)).normalize();
    // The keys see through bind mounts, which names do not.
    boolean inside =
        to.startsWith(from)
            || from.startsWith(to)
            || isBelow(existing.toRealPath(), from)
            || (Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS) && isBelow(from, target));
    return inside
        ? Optional.of(
            Problem.of(
                ErrorCode.TARGET_INSIDE_SOURCE,
                "Cannot copy "
                    + PathBytes.printable(source.directory())
                    + " to "
                    + PathBytes.printable(target)
                    + ": one lies inside the other, or they are the same.",
                "Name a directory on another file system."))
        : Optional.empty();
  }

  /** Whether a path is a directory or lies below it; by the keys, which see through bind mounts. */
  static boolean isBelow(Path path, Path above) throws IOException {
    Object key = fileKey(above);
    for (@Nullable Path p = path; p != null; p = p.getParent()) {
      if (fileKey(p).equals(key)) {
        return true;
      }
    }
    return false;
  }

  private static Object fileKey(Path path) throws IOException {
    return Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
  }

  private static Optional<Problem> badMount(Path target, Path existing, boolean typed)
      throws IOException {
    MountTable mounts = MountTable.ofThisProcess();
    Optional<MountTable.Mount> mount = mounts.carrying(existing.toRealPath());
    if (mount.isEmpty()) {
      return Optional.of(unsuitable(target, "no mount of /proc/self/mountinfo carries it"));
    }
    MountTable.Mount found = mount.get();
    if (typed && !StoreFileSystems.suits(found.type())) {
      return Optional.of(
          unsuitable(
              target,
              "the file system at "
                  + found.printablePoint()
                  + " is of type "
                  + found.printableType()
                  + ", which does not keep what a store needs"));
    }
    if (!found.writable()) {
      return Optional.of(
          Problem.of(
              ErrorCode.UNSUITABLE_FILE_SYSTEM,
              "Cannot copy a store to "
                  + PathBytes.printable(target)
                  + ": the mount at "
                  + found.printablePoint()
                  + " is read-only.",
              "Mount it for writing. After an error of its device: unmount it and check it with"
                  + " e2fsck before that."));
    }
    return symlinkOn(found, mounts, existing)
        .map(link -> unsuitable(target, PathBytes.printable(link) + " is a symlink"));
  }

  /**
   * Whoever can rename a directory on the way to the target can put a symlink in its place and have
   * root write, and remove, where it leads.
   */
  private static Optional<Problem> writableByOthers(Path target, Path existing) throws IOException {
    return changeableByOthers(existing, target)
        .map(
            p ->
                Problem.of(
                    ErrorCode.UNSUITABLE_FILE_SYSTEM,
                    "Cannot copy a store to "
                        + PathBytes.printable(target)
                        + " as root: "
                        + PathBytes.printable(p)
                        + " can be changed by users who are not root.",
                    "Name a directory that belongs to root, like all above it, and that only root"
                        + " can write to."));
  }

  /**
   * The nearest directory on the way to a path that users who are not root can change; none when
   * the caller is not root.
   *
   * @param existing where to begin, without symlinks
   * @param exclusive a directory that must not even be sticky
   */
  static Optional<Path> changeableByOthers(Path existing, Path exclusive) throws IOException {
    if (!Caller.isRoot()) {
      return Optional.empty();
    }
    for (@Nullable Path p = existing; p != null; p = p.getParent()) {
      FileFacts facts = FileFacts.of(p);
      boolean sticky = (facts.permissions() & STICKY) != 0 && !p.equals(exclusive);
      boolean group = (facts.permissions() & GROUP_WRITES) != 0 && facts.gid() != Caller.ROOT;
      boolean others = (facts.permissions() & OTHERS_WRITE) != 0;
      if (facts.directory() && (facts.uid() != Caller.ROOT || ((group || others) && !sticky))) {
        return Optional.of(p);
      }
    }
    return Optional.empty();
  }

  private static Problem unsuitable(Path target, String why) {
    return Problem.of(
        ErrorCode.UNSUITABLE_FILE_SYSTEM,
        "Cannot copy a store to " + PathBytes.printable(target) + ": " + why + ".",
        "Name a directory, by its own path, on a writable ext4, xfs or btrfs file system.");
  }

  /** Symlinks of the system above the mount are its own affair; below it they could be anyone's. */
  private static Optional<Path> symlinkOn(MountTable.Mount mount, MountTable mounts, Path existing)
      throws IOException {
    for (@Nullable Path p = existing; p != null && p.getParent() != null; p = p.getParent()) {
      Optional<MountTable.Mount> of = mounts.carrying(p.getParent().toRealPath());
      if (Files.isSymbolicLink(p) && of.map(m -> m.id() == mount.id()).orElse(true)) {
        return Optional.of(p);
      }
    }
    return Optional.empty();
  }

  private Optional<Problem> noRoom(Path target, Path existing, Measure need, Operation operation)
      throws IOException, InterruptedException {
    TargetFileSystem.Free free = new TargetFileSystem(processes, existing).free(operation);
    // Where inodes have no tables of their own, they take of the room that is free.
    long taken = free.inodes().isPresent() ? need.diskBytes() : need.bytesWithInodes();
    long bytes = (long) (taken * MARGIN);
    long inodes = (long) (need.inodes() * MARGIN);
    if (free.bytes() < bytes) {
      return Optional.of(noSpace(target, bytes + " bytes", free.bytes() + " are free"));
    }
    if (free.inodes().isPresent() && free.inodes().getAsLong() < inodes) {
      return Optional.of(
          noSpace(target, inodes + " inodes", free.inodes().getAsLong() + " are free"));
    }
    return Optional.empty();
  }

  private static Problem noSpace(Path target, String need, String free) {
    return Problem.of(
        ErrorCode.NO_SPACE,
        "Cannot copy to " + PathBytes.printable(target) + ": it takes " + need + ", " + free + ".",
        "Make room there, or name a larger file system.");
  }

  /** The directory itself or the nearest one above it that is there. */
  static Path deepestExisting(Path target) {
    Path path = target;
    while (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      Path parent = path.getParent();
      if (parent == null) {
        return path;
      }
      path = parent;
    }
    return path;
  }
}
