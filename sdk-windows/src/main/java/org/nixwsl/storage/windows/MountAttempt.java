package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.windows.guest.DiskView;
import org.nixwsl.storage.windows.guest.Guests;
import org.nixwsl.storage.windows.guest.MountEntry;
import org.nixwsl.storage.windows.wsl.WslAnswer;
import org.nixwsl.storage.windows.wsl.WslDistribution;
import org.nixwsl.storage.windows.wsl.WslError;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslExe.WslDisk;

/**
 * One call that mounts a disk: attach, mount, look, and mend or take back. Believes nothing that
 * WSL says of success. The caller holds the lock of the disk.
 */
final class MountAttempt {
  private final WslExe wsl;
  private final Guests guests;
  private final HostDirectory host;
  private final SharedStorage storage;
  private final WslDisk disk;
  private final Operation operation;
  private final String what;

  private final DiskFormat format;

  private boolean attachedByUs;
  private boolean mountedByUs;

  MountAttempt(
      WslExe wsl,
      Guests guests,
      HostDirectory host,
      SharedStorage storage,
      WslDisk disk,
      Operation operation) {
    this.wsl = wsl;
    this.guests = guests;
    this.host = host;
    this.storage = storage;
    this.disk = disk;
    this.operation = operation;
    this.what = "Cannot mount " + disk.path() + " in WSL";
    this.format = DiskFormat.of(storage.layout());
  }

  /** What WSL answered to the mount. */
  private enum Outcome {
    /** It is mounted now: what has the name is this disk. */
    MOUNTED,
    /** WSL lists it as mounted, under whatever name, and may be wrong. */
    LISTED,
    /** It is attached, and Linux did not mount it. */
    REFUSED
  }

  /** Mounts and proves it. */
  MountedStorage run() throws IOException, InterruptedException {
    try {
      return new Patience(operation).trying("mount " + disk.path(), this::once);
    } catch (DiskException | ConflictException e) {
      throw takenBack(e);
    }
  }

  /** Where the UUID is known a look is enough; nothing is started for it. */
  private Optional<MountedStorage> alreadyMounted() throws IOException, InterruptedException {
    Optional<UUID> known = known();
    if (known.isEmpty()) {
      return Optional.empty();
    }
    Optional<DiskView> view = guests.lookWithoutStarting(operation).map(Guests.Seen::view);
    if (view.isEmpty()) {
      return Optional.empty();
    }
    return view.get()
        .share(storage.mountName())
        .filter(share -> carries(share, known.get(), view.get()))
        .filter(share -> share.writable() && !view.get().isRoot(share.device()))
        .map(share -> mounted(share, known.get()));
  }

  private Optional<UUID> known() throws IOException {
    Optional<UUID> given = storage.fileSystemUuid();
    return given.isPresent() ? given : host.remembered(disk.path());
  }

  private boolean carries(MountEntry share, UUID uuid, DiskView view) {
    List<DiskView.Disk> carriers = view.carrying(uuid);
    return share.type().equals(format.type())
        && carriers.size() == 1
        && carriers.get(0).number().equals(share.device());
  }

  private MountedStorage once() throws IOException, InterruptedException {
    // An earlier attempt may have ended with the virtual machine, and others attach disks too.
    attachedByUs = false;
    mountedByUs = false;
    Optional<MountedStorage> already = alreadyMounted();
    if (already.isPresent()) {
      return already.get();
    }
    WslAnswer attached = wsl.attach(disk, operation);
    if (attached.ok()) {
      attachedByUs = true;
    } else if (!attached.isTo(WslError.Treatment.DONE)) {
      throw attached.failure(what);
    }
    Outcome outcome = mount();
    mountedByUs = outcome == Outcome.MOUNTED;
    Guests.Seen seen = guests.look(what, operation);
    if (seen.view().share(storage.mountName()).isEmpty()) {
      mend(seen, outcome);
      seen = guests.look(what, operation);
    }
    UUID uuid = proven(seen.view(), outcome);
    if (known().isEmpty()) {
      requireNoRootOfAnother(seen);
    }
    host.remember(disk.path(), uuid);
    return mounted(seen.view().share(storage.mountName()).orElseThrow(), uuid);
  }

  private Outcome mount() throws IOException, InterruptedException {
    WslAnswer answer =
        wsl.mount(disk, storage.mountName(), format.type(), format.mountOptions(), operation);
    if (!answer.ok() && !answer.wslFailed()) {
      // A device that takes longer than WSL waits is there at the second time.
      answer =
          wsl.mount(disk, storage.mountName(), format.type(), format.mountOptions(), operation);
    }
    if (answer.ok()) {
      return Outcome.MOUNTED;
    }
    if (answer.isTo(WslError.Treatment.DONE)) {
      return Outcome.LISTED;
    }
    if (!answer.wslFailed()) {
      return Outcome.REFUSED;
    }
    boolean detachedMeanwhile =
        answer.error().filter(e -> e == WslError.ERROR_FILE_NOT_FOUND).isPresent()
            && answer.report().filter(r -> r.within("HCS") || !r.within("Service")).isEmpty();
    throw detachedMeanwhile ? lost("it was detached again at once") : answer.failure(what);
  }

  /**
   * An instance that is stopped unmounts WSL's share for all of them, and WSL does not notice
   * (microsoft/WSL#41084). Mounted by hand at the same place its table is true again.
   */
  private void mend(Guests.Seen seen, Outcome outcome) throws IOException, InterruptedException {
    Optional<UUID> known = known();
    List<DiskView.Disk> carriers = known.map(uuid -> seen.view().carrying(uuid)).orElse(List.of());
    if (carriers.size() > 1) {
      throw copies(known.orElseThrow(), carriers);
    }
    if (carriers.isEmpty()) {
      if (outcome == Outcome.REFUSED) {
        throw wrong(
            "Linux could not mount it"
                + known.map(uuid -> ", and no disk has the file system " + uuid).orElse(""),
            "If it is a blank disk, prepare it; if not, check its file system (e2fsck, btrfs check) and"
                + " whether it is the right file.");
      }
      if (known.isPresent()) {
        throw lost("no disk has the file system " + known.get());
      }
      throw new DiskException(
          Problem.of(
              ErrorCode.NOT_MOUNTED,
              what
                  + ": WSL lists it as mounted, nothing is mounted on wsl/"
                  + storage.mountName()
                  + ", and without its UUID the disk cannot be found.",
              "Give the UUID of its file system, or stop all instances with `wsl --shutdown`, and"
                  + " call again."));
    }
    DiskView.Disk carrier = carriers.get(0);
    List<String> others = seen.view().shares(carrier.number());
    if (!others.isEmpty()) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.ALREADY_EXISTS,
              what + ": the disk is mounted already, under the name " + others.get(0) + ".",
              "Use this name, or unmount the disk first."));
    }
    if (seen.view().isRoot(carrier.number())) {
      throw instanceDisk(carrier.node());
    }
    if (!carrier.type().equals(format.type())) {
      throw wrong(
          carrier.node() + " holds " + carrier.type() + " and not " + format.type(),
          "Give the right disk, or name the layout that it has.");
    }
    if (outcome == Outcome.REFUSED) {
      mountSeen();
      return;
    }
    String root = seen.view().shareRoot().orElseThrow();
    seen.guest()
        .remount(carrier, known.orElseThrow(), root + "/" + storage.mountName(), format, operation);
  }

  /**
   * Mounts a disk that came late and is there now. Never by hand: WSL would not know of the mount,
   * and {@code --unmount} would pull the disk from under it.
   */
  private void mountSeen() throws IOException, InterruptedException {
    WslAnswer answer =
        wsl.mount(disk, storage.mountName(), format.type(), format.mountOptions(), operation);
    if (answer.ok()) {
      mountedByUs = true;
    } else if (!answer.isTo(WslError.Treatment.DONE)) {
      throw lost("Linux has the disk and did not mount it");
    }
  }

  /** The UUID of what is mounted under the name, if it is this disk and all is well. */
  private UUID proven(DiskView view, Outcome outcome) throws IOException {
    MountName name = storage.mountName();
    MountEntry share =
        view.share(name).orElseThrow(() -> lost("nothing is mounted on wsl/" + name));
    if (!share.type().equals(format.type())) {
      throw wrong(
          share.mountPoint() + " holds " + share.type() + " and not " + format.type(),
          Remedies.CLEAR);
    }
    DiskView.Disk device =
        view.disk(share.device())
            .orElseThrow(
                () ->
                    wrong(share.mountPoint() + " is on no disk that WSL attached", Remedies.CLEAR));
    if (view.isRoot(share.device())) {
      throw instanceDisk(device.node());
    }
    UUID uuid =
        device
            .uuid()
            .orElseThrow(() -> wrong(device.node() + " shows no file system", Remedies.CHECK_FILE));
    if (view.carrying(uuid).size() > 1) {
      throw copies(uuid, view.carrying(uuid));
    }
    Optional<UUID> wanted = outcome == Outcome.MOUNTED ? storage.fileSystemUuid() : known();
    if (wanted.isPresent() && !wanted.get().equals(uuid)) {
      throw outcome == Outcome.MOUNTED
          ? wrong("its file system is " + uuid + ", not " + wanted.get(), Remedies.CHECK_FILE)
          : wrong(
              share.mountPoint() + " is the file system " + uuid + ", not " + wanted.get(),
              Remedies.CLEAR);
    }
    if (wanted.isEmpty() && outcome != Outcome.MOUNTED) {
      throw wrong(
          "it was mounted by someone else, and whether it is the file system "
              + uuid
              + " on "
              + share.mountPoint()
              + " cannot be told",
          "Give this UUID if it is the right one, or unmount the disk and call again.");
    }
    if (!share.writable()) {
      throw wrong(
          share.mountPoint() + " is mounted read-only, as after an error of the disk",
          "Unmount it, check its file system (e2fsck, btrfs check), and call again.");
    }
    return uuid;
  }

  /**
   * A disk that nothing is known of may be the root disk of an instance other than the one seen.
   */
  private void requireNoRootOfAnother(Guests.Seen seen) throws IOException, InterruptedException {
    MountEntry share = seen.view().share(storage.mountName()).orElseThrow();
    for (String name : wsl.running(operation)) {
      if (!name.equals(seen.guest().distribution())
          && !WslDistribution.belongsToAProgram(name)
          && guests.of(name).mounts(operation).isRoot(share.device())) {
        throw instanceDisk(share.source());
      }
    }
  }

  private static MountedStorage mounted(MountEntry share, UUID uuid) {
    return new MountedStorage(
        Path.of(share.mountPoint()), share.source(), Optional.of(uuid), share.type());
  }

  /** Detaches what this call attached, and nothing else, when it turns out to be the wrong one. */
  private StorageSdkException takenBack(StorageSdkException failure) {
    Problem problem = failure.problem();
    if (!attachedByUs) {
      return failure;
    }
    StateLeft left = StateLeft.NEEDS_CLEANUP;
    StorageSdkException trouble = null;
    try {
      Operation.toTheEnd(
          "detach " + disk.path(),
          operation.ticker(),
          op -> new Detachment(wsl, guests, host, storage, disk, op).takeBack(mountedByUs));
      left = StateLeft.NOTHING_CHANGED;
    } catch (StorageSdkException e) {
      trouble = e;
    }
    Problem told =
        new Problem(
            problem.code(),
            problem.message()
                + (trouble == null ? " It was detached again." : " It stays attached."),
            problem.remedy(),
            problem.retryable(),
            left);
    StorageSdkException result =
        failure instanceof ConflictException
            ? new ConflictException(told, failure)
            : new DiskException(told, failure);
    if (trouble != null) {
      result.addSuppressed(trouble);
    }
    return result;
  }

  /** Something was changed between two of our calls; the next attempt begins anew. */
  private DiskException lost(String how) {
    return new DiskException(
        Problem.of(
                ErrorCode.NOT_MOUNTED,
                what + ": " + how + ".",
                "WSL was stopping or an instance took the mount away: call again.")
            .mayGoAway());
  }

  private DiskException wrong(String why, String remedy) {
    return new DiskException(
        Problem.of(ErrorCode.WRONG_STORAGE, what + ": " + why + ".", remedy)
            .leaving(StateLeft.NEEDS_CLEANUP));
  }

  private DiskException copies(UUID uuid, List<DiskView.Disk> carriers) {
    String nodes = carriers.stream().map(DiskView.Disk::node).collect(Collectors.joining(", "));
    return wrong(
        "the file system " + uuid + " is on more than one disk (" + nodes + ")",
        "Detach the copy, or give it another UUID with tune2fs or btrfstune, and call again.");
  }

  private DiskException instanceDisk(String node) {
    return wrong(
        node + " is the root disk of a WSL instance",
        "Give the file of the shared disk. Stop all instances with `wsl --shutdown` to have the"
            + " instance's own disk as it was.");
  }

  private static final class Remedies {
    private static final String CLEAR =
        "Detach what is mounted there with `wsl --unmount PATH`, or use another mount name.";
    private static final String CHECK_FILE =
        "Give the file of the right disk, or correct the UUID.";
  }
}
