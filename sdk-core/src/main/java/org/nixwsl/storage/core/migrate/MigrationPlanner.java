package org.nixwsl.storage.core.migrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.stage.CopyStep;
import org.nixwsl.storage.core.migrate.stage.FreezeStep;
import org.nixwsl.storage.core.migrate.stage.Machine;
import org.nixwsl.storage.core.migrate.stage.PersistStep;
import org.nixwsl.storage.core.migrate.stage.RestartStep;
import org.nixwsl.storage.core.migrate.stage.SwitchStep;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskType;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationPlan.Step;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** Looks at source, disk and machine, and changes nothing. Immutable. */
final class MigrationPlanner {
  // Guesses for the estimates: a middling SSD behind a virtual disk, two cores.
  private static final long COPIED_BYTES_A_SECOND = 120_000_000;
  private static final long READ_BYTES_A_SECOND = 400_000_000;
  private static final long INODES_A_SECOND = 8_000;
  private static final long SWITCH_SECONDS = 60;
  private static final long RESTART_SECONDS = 20;

  private final VhdxManager vhdx;
  private final WslMounter mounter;
  private final StoreHost host;
  private final Machine machine;
  private final MovePlaces places;

  MigrationPlanner(Machine machine, MovePlaces places) {
    this.places = places;
    this.vhdx = machine.vhdx();
    this.mounter = machine.mounter();
    this.host = machine.host();
    this.machine = machine;
  }

  /** The copy that a migration to a mounted storage makes. */
  static CopyRequest copyRequest(MigrationRequest request, MountedStorage mounted) {
    CopyRequest.Builder copy =
        CopyRequest.builder()
            .source(request.source())
            .target(NixStore.ofNixDirectory(mounted.instanceDirectory(request.instance())));
    request.threads().ifPresent(copy::threads);
    return copy.build();
  }

  MigrationPlan plan(MigrationRequest request, Operation operation)
      throws IOException, InterruptedException {
    Findings found = new Findings();
    StoreHost.Measure measure = measure(request, found, operation);
    found.refusals.addAll(mounter.refusals(request.storage()));
    journal(request, found);
    MountedStorage mounted = found.asked(() -> mounter.state(request.storage()).orElse(null));
    if (found.measured) {
      layout(request, Optional.ofNullable(mounted), found, operation);
    }
    if (mounted != null && found.refusals.isEmpty()) {
      target(request, mounted, measure, found, operation);
    } else if (mounted == null
        && request.storage().location() instanceof StorageLocation.VhdxFile disk) {
      diskToAttach(request, disk.file(), measure, found);
    }
    if (request.storage().location() instanceof StorageLocation.VhdxFile disk) {
      volume(disk.file(), DiskRoom.of(request.storage().layout()).written(measure), found);
    }
    if (request.storage().location() instanceof StorageLocation.PhysicalDisk) {
      found.notes.add(
          "A restart of Windows detaches the disk, and only a program with administrator rights"
              + " attaches it again: no task at logon does.");
    }
    boolean persists = persists(request, found);
    instance(request, found, operation);
    return new MigrationPlan(
        request,
        measure.paths(),
        measure.inodes(),
        ByteSize.ofBytes(measure.diskBytes()),
        steps(request, measure, persists, found),
        found.refusals,
        found.notes);
  }

  /** Where the journal would be, if it can be told. */
  private void journal(MigrationRequest request, Findings found) throws IOException {
    try {
      places.of(request.storage());
    } catch (StorageSdkException e) {
      found.add(e);
    }
  }

  /** What stands against the layout, where the files are and on what is mounted. */
  private void layout(
      MigrationRequest request,
      Optional<MountedStorage> mounted,
      Findings found,
      Operation operation)
      throws IOException, InterruptedException {
    StorageLayout layout = request.storage().layout();
    found.refusals.addAll(machine.tree().refusals(layout, request.instance(), mounted, operation));
    boolean disk = !(request.storage().location() instanceof StorageLocation.MountedDirectory);
    if (disk
        && mounted.isPresent()
        && !mounted.get().fileSystemType().equals(layout.fileSystemType())) {
      found.refuse(
          ErrorCode.WRONG_STORAGE,
          "What is mounted at "
              + PathBytes.printable(mounted.get().mountPoint())
              + " is "
              + mounted.get().fileSystemType()
              + ", and the layout "
              + layout.text()
              + " needs "
              + layout.fileSystemType()
              + ".",
          "Mount the right disk, or name the layout that it has.");
    }
  }

  /** Whether a task is installed; where none can be at all, that is no refusal. */
  private boolean persists(MigrationRequest request, Findings found) {
    if (!PersistStep.wanted(request)) {
      return false;
    }
    try {
      Optional<Problem> missing = PersistStep.missing(machine, request);
      missing
          .filter(problem -> problem.code() != ErrorCode.UNSUPPORTED_PLATFORM)
          .ifPresent(problem -> found.notes.add(PersistStep.leftOut(problem)));
      return missing.isEmpty();
    } catch (StorageSdkException e) {
      found.add(e);
      return true;
    }
  }

  /** What is to be done with the instance itself, and cannot be. */
  private void instance(MigrationRequest request, Findings found, Operation operation)
      throws IOException, InterruptedException {
    RestartStep.impossible(machine, request).ifPresent(found.refusals::add);
    if (request.restart() && !request.switchSystem()) {
      found.notes.add(
          "The move stops before the copy if the instance was not switched to the module by then:"
              + " switch it by hand and resume, or ask for the switch too.");
    }
    if (request.switchSystem() || request.restart()) {
      try {
        SwitchStep.requirePossible(machine, request, operation);
      } catch (StorageSdkException e) {
        found.add(e);
      }
    }
  }

  private StoreHost.Measure measure(MigrationRequest request, Findings found, Operation operation)
      throws IOException, InterruptedException {
    try {
      StoreHost.Measure measure = host.measure(request.source(), operation);
      found.measured = true;
      return measure;
    } catch (StorageSdkException e) {
      found.add(e);
      return new StoreHost.Measure(0, 0, 0, 0);
    }
  }

  private void target(
      MigrationRequest request,
      MountedStorage mounted,
      StoreHost.Measure measure,
      Findings found,
      Operation operation)
      throws IOException, InterruptedException {
    Optional<UUID> known = request.storage().fileSystemUuid();
    if (known.isPresent() && !known.equals(mounted.fileSystemUuid())) {
      found.refuse(
          ErrorCode.WRONG_STORAGE,
          "The storage is known by the UUID "
              + known.get()
              + ", and what is mounted at "
              + PathBytes.printable(mounted.mountPoint())
              + " has "
              + mounted.fileSystemUuid().map(Object::toString).orElse("none that can be read")
              + ".",
          "Mount the right disk, or correct the UUID.");
    }
    found.refusals.addAll(host.refusals(copyRequest(request, mounted), measure, operation));
    CopyStep.otherOwner(
            request,
            mounted,
            machine.tree().look(mounted, request.instance(), request.source(), operation))
        .ifPresent(found.refusals::add);
  }

  private void diskToAttach(
      MigrationRequest request, Path file, StoreHost.Measure measure, Findings found) {
    if (Files.exists(file)) {
      if (request.createDisk().isPresent()) {
        found.notes.add(PathBytes.printable(file) + " is there already and is used as it is.");
      }
      DiskInfo info = found.asked(() -> vhdx.inspect(file));
      if (info != null) {
        room(request, info.virtualSize(), measure, found);
      }
      return;
    }
    Path folder = file.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      found.refuse(
          ErrorCode.NOT_FOUND,
          "The disk cannot be made: the folder of " + PathBytes.printable(file) + " is not there.",
          "Make the folder, or correct the name.");
    }
    if (request.createDisk().isEmpty()) {
      found.refuse(
          ErrorCode.NOT_FOUND,
          "The disk " + PathBytes.printable(file) + " is not there.",
          "Correct the name, or say in the request (createDisk) that it is to be made.");
    } else {
      room(request, request.createDisk().get().virtualSize(), measure, found);
    }
  }

  private static void room(
      MigrationRequest request, ByteSize size, StoreHost.Measure measure, Findings found) {
    DiskRoom room = DiskRoom.of(request.storage().layout());
    if (!room.holds(size.bytes(), measure)) {
      found.refuse(
          ErrorCode.NO_SPACE,
          "The store takes "
              + ByteSize.ofBytes(measure.diskBytes())
              + " in "
              + measure.inodes()
              + " files and directories, and a disk of "
              + size
              + " holds "
              + room.words(size.bytes())
              + ".",
          "Use a larger disk: a dynamic one takes only what is written to it.");
    }
  }

  /** A dynamic disk grows while it is written to, and a full volume under it loses writes. */
  private void volume(Path file, long written, Findings found) throws IOException {
    Path folder = file.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      return;
    }
    long present = Files.exists(file) ? presentBytes(file) : 0;
    long growth = written - present;
    long free = Files.getFileStore(folder).getUsableSpace();
    if (growth > free) {
      found.refuse(
          ErrorCode.NO_SPACE,
          "The disk would grow by about "
              + ByteSize.ofBytes(growth)
              + ", and the volume of "
              + PathBytes.printable(file)
              + " has "
              + ByteSize.ofBytes(free)
              + " left.",
          "Make room on that volume, or keep the disk on another one.");
    } else if (growth + present > free) {
      found.notes.add(
          "Whether the volume of the disk has enough room ("
              + ByteSize.ofBytes(free)
              + ") depends on how much of the disk is free inside.");
    }
  }

  /** Blocks that are in the file already may be free inside, so that nothing has to grow. */
  private long presentBytes(Path file) throws IOException {
    try {
      DiskInfo info = vhdx.inspect(file);
      return info.type() == DiskType.FIXED
          ? Long.MAX_VALUE / 2
          : info.blocks().fullyPresent() * info.blockSize().bytes();
    } catch (StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      // Attached, so that it cannot be looked into: nearly all of its file is blocks. What else is
      // wrong with it was told above.
      return Files.size(file);
    }
  }

  private List<Step> steps(
      MigrationRequest request, StoreHost.Measure measure, boolean persists, Findings found)
      throws IOException {
    List<Step> steps = new ArrayList<>();
    long inodeSeconds = measure.inodes() / INODES_A_SECOND;
    steps.add(step(Stage.PREFLIGHT, "Look whether everything is as planned", inodeSeconds));
    if (request.storage().location() instanceof StorageLocation.VhdxFile disk) {
      String file = PathBytes.printable(disk.file());
      if (Files.notExists(disk.file()) && request.createDisk().isPresent()) {
        ByteSize size = request.createDisk().get().virtualSize();
        steps.add(step(Stage.DISK, "Create " + file + " with " + size, 0));
      }
      steps.add(step(Stage.ATTACH, "Attach " + file + ", format it if it is blank, mount it", 1));
    } else if (request.storage().location() instanceof StorageLocation.PhysicalDisk disk) {
      steps.add(step(Stage.ATTACH, "Attach " + disk.words() + " and mount it; never format it", 1));
    } else {
      steps.add(step(Stage.ATTACH, "Prove that the storage is mounted", 0));
    }
    request
        .configDirectory()
        .ifPresent(
            directory ->
                steps.add(
                    step(
                        Stage.CONFIG,
                        "Write the NixOS module into "
                            + PathBytes.printable(directory)
                            + " and import it"
                            + (request.switchSystem() ? "" : "; nothing is switched"),
                        1)));
    if (request.switchSystem()) {
      steps.add(
          step(
              Stage.SWITCH,
              "Switch the instance to it by nixos-rebuild; a restart still boots as before",
              SWITCH_SECONDS));
    }
    steps.add(
        step(
            Stage.COPY,
            "Copy "
                + measure.paths()
                + " store paths, hashing what is read, and read them back from the device",
            measure.diskBytes() / COPIED_BYTES_A_SECOND
                + measure.narBytes() / READ_BYTES_A_SECOND
                + 2 * inodeSeconds));
    if (persists) {
      steps.add(step(Stage.PERSIST, "Install the task that attaches the disk at each logon", 1));
    }
    if (found.measured && machine.stillness().available(request.source())) {
      steps.add(
          step(
              Stage.FREEZE,
              "Stop Nix and make the store read-only, until "
                  + (FreezeStep.outlastsTheCommit(request)
                      ? "a restart or a rollback"
                      : "the commit"),
              5));
    }
    steps.add(step(Stage.STATE, "Copy profiles, roots and logs, then the database", 1));
    steps.add(step(Stage.PROVE, "Read back what came last, and the database, and compare them", 1));
    steps.add(step(Stage.COMMIT, "Write the id: from here on the target is the store", 0));
    if (request.restart()) {
      steps.add(
          step(
              Stage.RESTART,
              "Stop the instance, start it, and prove that it runs from the storage",
              RESTART_SECONDS));
    }
    if (request.detachAtEnd()
        && !(request.storage().location() instanceof StorageLocation.MountedDirectory)) {
      steps.add(step(Stage.DETACH, "Unmount and detach the disk", 1));
    }
    return steps;
  }

  private static Step step(Stage stage, String text, long seconds) {
    return new Step(stage, text, Duration.ofMillis(100 + seconds * 1000));
  }

  /** What was found so far. */
  private static final class Findings {
    private final List<Problem> refusals = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    /** Whether the store could be looked at: what cannot be reached is not asked again. */
    private boolean measured;

    void refuse(ErrorCode code, String message, String remedy) {
      refusals.add(Problem.of(code, message, remedy));
    }

    /** What cannot be done is a reason to refuse; what the caller stopped is not. */
    void add(StorageSdkException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      if (!refusals.contains(e.problem())) {
        refusals.add(e.problem());
      }
    }

    /** Null if there is no answer, and if asking failed. */
    <T> @Nullable T asked(Supplier<@Nullable T> question) {
      try {
        return question.get();
      } catch (StorageSdkException e) {
        add(e);
        return null;
      }
    }
  }
}
