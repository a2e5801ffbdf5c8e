package org.nixwsl.storage.testkit.boot;

/**
 * What a row has to show.
 *
 * @param decision {@code disk}, {@code rescue} or {@code unarmed}
 * @param reason a part of the reason given
 * @param directory of the /nix in use: the instance's on the disk, or empty for the root disk's
 * @param system the name of the system that runs
 * @param findings the names of the findings, with commas
 * @param shim the name of the system whose shim started it
 */
record Expected(
    String decision, String reason, String directory, String system, String findings, String shim) {

  /** The shared disk, with a system of this name. */
  static Expected disk(String system) {
    return new Expected("disk", "is bound on /nix", "main", system, "", system);
  }

  /** A rescue boot of the system that the root disk was made with. */
  static Expected rescue(String reason) {
    return new Expected("rescue", reason, "", "first", "", "first");
  }

  /** The root disk, because the move is not committed. */
  static Expected unarmed() {
    return new Expected("unarmed", "/etc/nix-storage.armed is absent", "", "first", "", "first");
  }

  Expected running(String other) {
    return new Expected(decision, reason, directory, other, findings, other);
  }

  Expected inDirectory(String other) {
    return new Expected(decision, reason, other, system, findings, shim);
  }

  Expected finding(String names) {
    return new Expected(decision, reason, directory, system, names, shim);
  }

  /** Only past the hook can a shim start a system that is not its own. */
  Expected startedByTheShimOf(String other) {
    return new Expected(decision, reason, directory, system, findings, other);
  }
}
