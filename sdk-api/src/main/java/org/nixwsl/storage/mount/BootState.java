package org.nixwsl.storage.mount;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * From which {@code /nix} a running instance booted, as the hook of the NixOS module wrote it down
 * in {@code /run/nix-storage/boot.json}.
 *
 * @param instance the name of the instance, as WSL knows it
 * @param decision what the hook decided
 * @param reason why, for people
 * @param findings names of what did not decide the boot but wants a look, such as {@code
 *     disk-restored}; {@code docs/nixos-module.md} lists them
 * @param source the directory on the shared disk that it looked at
 * @param storageId the id that this directory has to have, if the instance knows one
 */
public record BootState(
    String instance,
    Decision decision,
    String reason,
    List<String> findings,
    String source,
    Optional<String> storageId) {
  /** Makes the list unmodifiable. */
  public BootState {
    findings = List.copyOf(findings);
  }

  /** What a hook can decide. New ones may come in a minor release. */
  public enum Decision {
    /** The shared disk. */
    DISK,
    /** The root disk, although the instance belongs to the shared one: {@link #reason} says why. */
    RESCUE,
    /** The root disk, because the move to the shared one is not committed. */
    UNARMED;

    /** The decision of that name in {@code boot.json}; empty for one that is not known. */
    public static Optional<Decision> of(String word) {
      return Stream.of(values())
          .filter(decision -> decision.name().toLowerCase(Locale.ROOT).equals(word))
          .findFirst();
    }
  }
}
