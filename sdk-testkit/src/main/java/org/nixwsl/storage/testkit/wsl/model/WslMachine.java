package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.nixwsl.storage.testkit.wsl.model.WslState.Disk;
import org.nixwsl.storage.testkit.wsl.model.WslState.Instance;

/**
 * WSL of one Windows user on one machine: the service and its table of disks, the virtual machine,
 * the instances. Each method is something that a call of wsl.exe, Windows or a person does. Time
 * stands still unless it is moved on. Deterministic for the same calls; not thread-safe.
 *
 * <p>Over 400 lines, because what happens to the machine at one moment touches instances, disks and
 * the virtual machine together.
 */
public final class WslMachine extends WindowsSide {
  private static final String DISTRO = "WSL_E_DISTRO_NOT_FOUND";

  private final Devices devices;
  private final DiskTable table;

  /** A machine with devices that exist in memory only. */
  public WslMachine(WslState state) {
    this(state, new LogicalDevices(state));
  }

  /** A machine with the given devices. */
  public WslMachine(WslState state, Devices devices) {
    super(state);
    this.devices = devices;
    this.table = new DiskTable(state, devices);
  }

  // ---- Instances

  /**
   * Registers an instance.
   *
   * @param vhd the file with its root
   */
  public void register(String name, int version, Path vhd) throws WslFailure {
    if (!name.matches("[a-zA-Z0-9._-]{1,255}") || name.equals("Legacy")) {
      throw WslFailure.service("RegisterDistro/E_INVALIDARG");
    }
    if (find(name).isPresent()) {
      throw WslFailure.service("RegisterDistro/ERROR_ALREADY_EXISTS");
    }
    state.instances.put(name, new Instance(name, version, vhd.toString()));
    if (state.defaultInstance.isEmpty()) {
      state.defaultInstance = name;
    }
  }

  /** Takes an instance out of the list; its file stays. */
  public void unregister(String name) throws WslFailure, IOException, InterruptedException {
    Instance instance = require(name);
    stop(instance, true);
    for (Disk disk : List.copyOf(state.disks)) {
      if (!disk.user && disk.path.equals(instance.vhd)) {
        table.remove(disk);
      }
    }
    state.instances.remove(instance.name);
    if (state.defaultInstance.equals(instance.name)) {
      state.defaultInstance = state.instances.keySet().stream().findFirst().orElse("");
    }
  }

  /** The default instance becomes another. */
  public void makeDefault(String name) throws WslFailure {
    state.defaultInstance = require(name).name;
  }

  /**
   * How an instance boots.
   *
   * @param systemd whether systemd is its PID 1
   * @param hasTrue whether it has {@code /bin/true}, which the guard of the share runs; NixOS has
   *     not
   */
  public void boots(String name, boolean systemd, boolean hasTrue) throws WslFailure {
    Instance instance = require(name);
    instance.systemd = systemd;
    instance.hasTrue = hasTrue;
  }

  /** Makes an instance bind a directory of a mounted disk on {@code /nix} when it boots. */
  public void takesNixFrom(String name, String mountName) throws WslFailure {
    require(name).nixFrom = mountName;
  }

  /** Damages the root of an instance, so that it does not start. */
  public void corrupt(String name) throws WslFailure {
    require(name).corrupted = true;
  }

  /** Lets an instance be exported or converted, or ends that. */
  public void locked(String name, boolean locked) throws WslFailure {
    require(name).locked = locked;
  }

  /** A registered instance as others see it. */
  public record Row(String name, String state, int version, boolean isDefault, String vhd) {}

  /** The instances, the default one first. */
  public List<Row> instances() {
    List<Row> rows = new ArrayList<>();
    for (Instance i : state.instances.values()) {
      String doing = i.locked ? "Exporting" : i.runs ? "Running" : "Stopped";
      boolean first = i.name.equals(state.defaultInstance);
      rows.add(first ? 0 : rows.size(), new Row(i.name, doing, i.version, first, i.vhd));
    }
    return rows;
  }

  /** The name of an instance in its own spelling. */
  public String resolve(String name) throws WslFailure {
    if (name.isEmpty()) {
      if (state.defaultInstance.isEmpty()) {
        throw WslFailure.service("WSL_E_DEFAULT_DISTRO_NOT_FOUND");
      }
      return state.defaultInstance;
    }
    return require(name).name;
  }

  private Optional<Instance> find(String name) {
    return state.instances.values().stream().filter(i -> i.name.equalsIgnoreCase(name)).findFirst();
  }

  private Instance require(String name) throws WslFailure {
    return find(name).orElseThrow(() -> WslFailure.service(DISTRO));
  }

  /** Starts an instance if it does not run, and the virtual machine with it. */
  public void start(String name) throws WslFailure, IOException, InterruptedException {
    requireUser();
    Instance instance = require(name);
    if (instance.runs) {
      return;
    }
    requireUnlocked(instance);
    if (instance.version == 2) {
      startVm();
      String letter = table.attachOwn(instance.vhd, "CreateInstance/MountDisk/HCS/");
      if (instance.corrupted) {
        throw WslFailure.service("CreateInstance/WSL_E_DISK_CORRUPTED");
      }
      devices.startInstance(instance.name, letter);
      // The hook before systemd: with the disk it takes /nix from there, else it boots as it is.
      if (!instance.nixFrom.isEmpty()) {
        devices.bindNix(instance.name, instance.nixFrom);
      }
    }
    instance.runs = true;
    instance.idleSince = state.nowMillis;
  }

  /** A client program stays: the instance does not become idle until it ends. */
  public void clientStarts(String name, String client) throws WslFailure {
    require(name).clients.add(client);
  }

  /**
   * A client program ends: from now on the instance is idle, unless it has another one.
   *
   * @return false if the instance ended before it, and took it along
   */
  public boolean clientEnds(String name, String client) {
    Optional<Instance> instance = find(name).filter(i -> i.clients.remove(client));
    instance.ifPresent(i -> i.idleSince = state.nowMillis);
    return instance.isPresent();
  }

  /** Client programs that are gone without a word end. */
  public void clientsEnd(Predicate<String> gone) {
    for (Instance instance : state.instances.values()) {
      if (instance.clients.removeIf(gone)) {
        instance.idleSince = state.nowMillis;
      }
    }
  }

  /** Stops an instance; nothing happens if it does not run. */
  public void terminate(String name) throws WslFailure, IOException, InterruptedException {
    requireUser();
    stop(require(name), true);
  }

  /** An instance ends: by systemd, or because its kernel objects are taken away. */
  private void stop(Instance instance, boolean graceful) throws IOException, InterruptedException {
    if (!instance.runs) {
      return;
    }
    instance.runs = false;
    instance.clients.clear();
    if (instance.version == 2) {
      Devices.Ending ending = Devices.Ending.KILLED;
      if (graceful && instance.systemd) {
        ending = ending(instance.hasTrue);
      }
      devices.stopInstance(instance.name, ending);
    }
    vmMayBeIdle();
  }

  private Devices.Ending ending(boolean hasTrue) {
    return state.release.guardsShare() && hasTrue
        ? Devices.Ending.GUARDED
        : Devices.Ending.UNMOUNTING;
  }

  /** Sees which instances ended by themselves. */
  public void look() throws IOException, InterruptedException {
    for (Instance instance : state.instances.values()) {
      if (instance.runs && instance.version == 2 && !devices.runs(instance.name)) {
        stop(instance, false);
      }
    }
  }

  private void vmMayBeIdle() {
    if (state.instances.values().stream().noneMatch(i -> i.runs)) {
      state.vmIdleSince = state.nowMillis;
    }
  }

  // ---- The virtual machine

  private void startVm() throws IOException, InterruptedException {
    if (state.vmRuns) {
      return;
    }
    state.vmRuns = true;
    state.vmIdleSince = state.nowMillis;
    devices.startVm();
    table.addSystemDisks();
    table.restore();
  }

  /** Whether the virtual machine runs. */
  public boolean vmRuns() {
    return state.vmRuns;
  }

  private void stopVm() throws IOException, InterruptedException {
    endInstancesAndDisks();
    devices.stopVm(true);
  }

  private void endInstancesAndDisks() throws IOException, InterruptedException {
    for (Instance instance : state.instances.values()) {
      stop(instance, false);
    }
    state.vmRuns = false;
    for (Disk disk : state.disks) {
      WslState.Physical physical = state.physicalDisks.get(disk.path);
      if (physical != null) {
        physical.online = true;
      }
    }
    state.disks.clear();
  }

  /** {@code --shutdown}, and what happens at the end of a Windows session or of the service. */
  public void shutdown() throws IOException, InterruptedException {
    stopVm();
    state.saved.clear();
  }

  /** The virtual machine dies. */
  public void crash() throws IOException, InterruptedException {
    devices.stopVm(false);
    endInstancesAndDisks();
  }

  /** Windows starts anew: whatever was volatile is gone. */
  public void reboot() throws IOException, InterruptedException {
    stopVm();
    state.saved.clear();
  }

  /** All idle times pass. An instance with a client program stays, and the virtual machine. */
  public void idleStop() throws IOException, InterruptedException {
    if (!state.vmRuns) {
      return;
    }
    for (Instance instance : state.instances.values()) {
      if (instance.clients.isEmpty()) {
        stop(instance, true);
      }
    }
    if (state.instances.values().stream().noneMatch(i -> i.runs)) {
      table.save();
      stopVm();
    }
  }

  /** Time passes; what has become idle by then stops. */
  public void pass(Duration time) throws IOException, InterruptedException {
    pass(state.nowMillis + time.toMillis());
  }

  /** Time passes up to a moment, in milliseconds from any start; a moment before now is now. */
  public void pass(long untilMillis) throws IOException, InterruptedException {
    long until = Math.max(untilMillis, state.nowMillis);
    for (Instance instance : state.instances.values()) {
      long end = instance.idleSince + state.instanceIdleTimeout;
      if (instance.runs
          && instance.clients.isEmpty()
          && state.instanceIdleTimeout >= 0
          && end <= until) {
        state.nowMillis = Math.max(state.nowMillis, end);
        stop(instance, true);
      }
    }
    state.nowMillis = until;
    boolean used = state.instances.values().stream().anyMatch(i -> i.runs);
    if (state.vmRuns
        && !used
        && state.vmIdleTimeout >= 0
        && state.vmIdleSince + state.vmIdleTimeout <= until) {
      idleStop();
    }
  }

  /** Another instance of the user, such as Docker's, runs and ends by systemd. */
  public void peerShutdown() throws IOException, InterruptedException {
    if (state.vmRuns) {
      devices.stopInstance(Devices.PEER, ending(true));
    }
  }

  // ---- Disks

  private void requireUser() throws WslFailure {
    if (state.localSystem) {
      throw WslFailure.service("WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED");
    }
  }

  private void requireUnlocked(Instance instance) throws WslFailure {
    if (instance.locked && state.release.refusesLockedInstance()) {
      throw WslFailure.service("E_ILLEGAL_STATE_CHANGE");
    }
  }

  /**
   * Attaches a disk.
   *
   * @param path the final path of a VHDX, or the name of a physical disk
   */
  public void attach(String path, boolean physical)
      throws WslFailure, IOException, InterruptedException {
    requireUser();
    if (!state.diskMountAllowed) {
      throw WslFailure.service("WSL_E_DISK_MOUNT_DISABLED");
    }
    if (state.instances.values().stream().noneMatch(i -> i.version == 2)) {
      throw WslFailure.service("AttachDisk/WSL_E_WSL2_NEEDED");
    }
    if (physical && state.physicalDisks.containsKey(path) && !state.elevated) {
      throw WslFailure.service("AttachDisk/WSL_E_ELEVATION_NEEDED_TO_MOUNT_DISK");
    }
    startVm();
    table.attach(path, physical, false, -1);
  }

  /**
   * Mounts an attached disk for all instances.
   *
   * @param name empty for the one that WSL makes of the path, if {@code named} is false
   */
  public Devices.Outcome mount(
      String path, int partition, boolean named, String name, String type, String options)
      throws WslFailure, IOException, InterruptedException {
    return table.mount(path, partition, mountName(path, partition, named, name), type, options);
  }

  /** The name of a mount, given or made of the path. */
  public static String mountName(String path, int partition, boolean named, String name) {
    return named ? name : DiskTable.defaultName(path, partition);
  }

  /** Detaches a disk; see {@link Devices.Outcome}. */
  public Devices.Outcome detach(String path) throws WslFailure, IOException, InterruptedException {
    return table.detach(path);
  }

  /** Detaches every disk of the user. */
  public Devices.Outcome detachAll() throws WslFailure, IOException, InterruptedException {
    return table.detachAll();
  }

  /** A disk in the virtual machine as others see it. */
  public record Attached(
      String path, boolean user, int lun, String letter, long bytes, Map<Integer, String> mounts) {}

  /** The disks in the virtual machine. */
  public List<Attached> attached() {
    return state.disks.stream().map(WslMachine::attached).toList();
  }

  /** The disks that will be back when the virtual machine starts. */
  public List<Attached> saved() {
    return state.saved.stream().map(WslMachine::attached).toList();
  }

  private static Attached attached(Disk disk) {
    Map<Integer, String> mounts = new TreeMap<>();
    disk.mounts.forEach((partition, listed) -> mounts.put(partition, listed.name));
    return new Attached(disk.path, disk.user, disk.lun, disk.letter, disk.bytes, mounts);
  }

  /** What went wrong and was told to nobody: for assertions. */
  public List<String> accidents() {
    return List.copyOf(state.accidents);
  }

  /** Lets a program have a file open on a mount, or close it. */
  public void opensFile(String mountName, boolean open) throws IOException, InterruptedException {
    devices.holdOpen(mountName, open);
  }

  /** Makes a file system on a disk or partition that is not attached; see {@link Devices}. */
  public void format(Path vhdx, int number, String type, UUID uuid)
      throws IOException, InterruptedException {
    devices.format(vhdx, number, type, uuid);
  }

  // ---- The disk of an instance

  /** The file of an instance, if it may be changed: it does not run. */
  public Path stoppedDisk(String name, boolean detached) throws WslFailure {
    Instance instance = require(name);
    requireUnlocked(instance);
    if (instance.version != 2) {
      throw WslFailure.service("WSL_E_WSL2_NEEDED");
    }
    boolean inVm = state.disks.stream().anyMatch(d -> d.path.equals(instance.vhd));
    if (instance.runs || (detached && inVm)) {
      throw WslFailure.service("WSL_E_DISTRO_NOT_STOPPED");
    }
    if (inVm) {
      throw WslFailure.service("ERROR_SHARING_VIOLATION");
    }
    return Path.of(instance.vhd);
  }

  /** The file of an instance, which is stopped for that. */
  public Path diskForExport(String name) throws WslFailure, IOException, InterruptedException {
    Instance instance = require(name);
    requireUnlocked(instance);
    stop(instance, true);
    return Path.of(instance.vhd);
  }

  /** Whether the virtual machine holds a file. */
  public boolean inVm(Path file) {
    return state.disks.stream().anyMatch(d -> d.path.equals(file.toString()));
  }

  /** Makes the disk of an instance, and what is on it, larger or smaller. */
  public void resize(String name, long bytes) throws WslFailure, IOException, InterruptedException {
    devices.resize(stoppedDisk(name, true), bytes);
  }

  /** Moves the file of an instance. */
  public void move(String name, Path directory) throws WslFailure, IOException {
    Path from = stoppedDisk(name, false);
    Path to = directory.resolve(from.getFileName());
    if (Files.exists(to)) {
      throw WslFailure.service("MoveDistro/ERROR_FILE_EXISTS");
    }
    Files.createDirectories(directory);
    Files.move(from, to);
    require(name).vhd = to.toRealPath().toString();
  }
}
