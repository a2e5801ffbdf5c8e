package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** What Windows is and does around WSL: the release, the user, the policy, the files, its disks. */
class WindowsSide {
  /** All that is remembered. */
  final WslState state;

  WindowsSide(WslState state) {
    this.state = state;
  }

  /** What it remembers. */
  public WslState state() {
    return state;
  }

  /** Which WSL it is. */
  public WslRelease release() {
    return state.release;
  }

  /** Makes it another WSL. */
  public void release(WslRelease release) {
    state.release = release;
  }

  /** The language of Windows: {@code en}, {@code de}, {@code ja} or {@code zh}. */
  public String language() {
    return state.language;
  }

  /** Sets the language of Windows. */
  public void language(String language) {
    state.language = language;
  }

  /** Whether calls come from an elevated shell from now on. */
  public void elevated(boolean elevated) {
    state.elevated = elevated;
  }

  /** Whether calls come from the account SYSTEM from now on. */
  public void localSystem(boolean localSystem) {
    state.localSystem = localSystem;
  }

  /** Sets the policy {@code AllowDiskMount}. */
  public void allowDiskMount(boolean allowed) {
    state.diskMountAllowed = allowed;
  }

  /** Sets the idle times; a negative one is never, as in {@code .wslconfig}. */
  public void idleTimes(Duration instance, Duration vm) {
    state.instanceIdleTimeout = instance.toMillis();
    state.vmIdleTimeout = vm.toMillis();
  }

  /** Begins the row of device letters anew. */
  public void seed(long seed) {
    state.seed = seed;
  }

  /** Makes a file belong to Administrators, as one that an elevated program created. */
  public void ownedByAdministrators(Path file, boolean owned) throws IOException {
    String path = file.toRealPath().toString();
    if (owned) {
      state.ownedByAdministrators.add(path);
    } else {
      state.ownedByAdministrators.remove(path);
    }
  }

  /**
   * Lets another program hold a file, so that attaching it is a sharing violation.
   *
   * @param attempts how often; a negative number is for ever, 0 lets go
   */
  public void heldElsewhere(Path file, int attempts) throws IOException {
    state.heldFiles.put(file.toRealPath().toString(), attempts);
  }

  /** Makes a disk take that long until Linux sees it; after 15 s Linux gives up. */
  public void slow(Path file, Duration time) throws IOException {
    state.slowMillis.put(file.toRealPath().toString(), time.toMillis());
  }

  /** Adds a disk to Windows; it is online. Its name is for {@code --mount}. */
  public String addPhysicalDisk(Path file) throws IOException {
    String name = "\\\\.\\PHYSICALDRIVE" + (state.physicalDisks.size() + 1);
    state.physicalDisks.put(name, new WslState.Physical(file.toRealPath().toString(), true));
    return name;
  }

  /** Whether Windows uses a disk itself. */
  public boolean online(String physicalDisk) {
    WslState.Physical physical = state.physicalDisks.get(physicalDisk);
    return physical != null && physical.online;
  }
}
