package org.nixwsl.storage.linux.copy.destination;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.linux.machine.MountTable;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** Every reason why a copy cannot link to the files of another store. Changes nothing. */
public final class SharingChecks {
  private SharingChecks() {}

  /** The first reason; none when nothing is to be shared. */
  public static List<Problem> refusals(CopyRequest request) throws IOException {
    Optional<NixStore> shared = request.linkIdenticalFrom();
    return shared.isEmpty()
        ? List.of()
        : refusal(shared.get(), request).map(List::of).orElse(List.of());
  }

  private static Optional<Problem> refusal(NixStore other, CopyRequest request) throws IOException {
    Optional<Problem> noStore = noStore(other);
    if (noStore.isPresent()) {
      return noStore;
    }
    Path real = other.directory().toRealPath();
    Path target = request.target().directory();
    if (!real.equals(other.directory())) {
      return Optional.of(refused(other, "a symlink is on the way to it"));
    }
    Path existing = TargetChecks.deepestExisting(target).toRealPath();
    if (TargetChecks.isBelow(existing, real)
        || (Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)
            && TargetChecks.isBelow(real, target))) {
      return Optional.of(refused(other, "it is the target, or one lies inside the other"));
    }
    Path source = request.source().directory().toRealPath();
    if (TargetChecks.isBelow(source, real) || TargetChecks.isBelow(real, source)) {
      return Optional.of(refused(other, "it is the source, which nothing may come to share"));
    }
    if (!onOneMount(real.resolve("store"), existing)) {
      return Optional.of(refused(other, "it is not on the same file system, mount and subvolume"));
    }
    return TargetChecks.changeableByOthers(real, real)
        .map(
            p ->
                refused(
                    other, PathBytes.printable(p) + " can be changed by users who are not root"));
  }

  /**
   * Links are possible inside one mount, and one subvolume of it: across a bind mount the kernel
   * refuses them.
   */
  private static boolean onOneMount(Path a, Path b) throws IOException {
    MountTable mounts = MountTable.ofThisProcess();
    Optional<Integer> mount = mounts.carrying(a).map(MountTable.Mount::id);
    return mount.isPresent()
        && mount.equals(mounts.carrying(b).map(MountTable.Mount::id))
        && FileFacts.of(a).device() == FileFacts.of(b).device();
  }

  private static Optional<Problem> noStore(NixStore other) {
    for (Path directory :
        new Path[] {
          other.directory(),
          other.storeDirectory(),
          other.stateDirectory(),
          other.stateDirectory().resolve("db")
        }) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        return Files.isSymbolicLink(directory)
            ? Optional.of(refused(other, PathBytes.printable(directory) + " is a symlink"))
            : Optional.of(notAStore(other));
      }
    }
    return isFile(other.database()) ? Optional.empty() : Optional.of(notAStore(other));
  }

  private static boolean isFile(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }

  private static Problem notAStore(NixStore other) {
    return Problem.of(
        ErrorCode.NOT_A_STORE,
        "Cannot link to files of "
            + PathBytes.printable(other.directory())
            + ": it holds no store with a database.",
        "Name a directory that holds store and var, as /nix does.");
  }

  private static Problem refused(NixStore other, String why) {
    return Problem.of(
        ErrorCode.CANNOT_LINK,
        "Cannot link to files of " + PathBytes.printable(other.directory()) + ": " + why + ".",
        "Name the store of another instance on the file system of the target, by its own path, or"
            + " copy without linking.");
  }
}
