package org.nixwsl.storage.testkit.wsl.model;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * All that a simulated machine remembers. The fields are open to this package alone; whoever is
 * outside asks the {@link WslMachine}. Not thread-safe.
 */
public final class WslState implements Serializable {
  private static final long serialVersionUID = 1L;

  // What Windows is.
  WslRelease release = WslRelease.V2_9;
  String language = "en";
  boolean elevated;
  boolean localSystem;
  boolean diskMountAllowed = true;

  // What the files of Windows are like.
  final Set<String> ownedByAdministrators = new HashSet<>();
  final Map<String, Integer> heldFiles = new HashMap<>();
  final Map<String, Long> slowMillis = new HashMap<>();
  final Map<String, Physical> physicalDisks = new LinkedHashMap<>();

  // What is registered.
  final Map<String, Instance> instances = new LinkedHashMap<>();
  String defaultInstance = "";

  // The virtual machine, and what is saved while it is idle. All of it is volatile.
  long seed = 1;
  long nowMillis;
  boolean vmRuns;
  long vmIdleSince;
  long vmIdleTimeout = 60_000;
  long instanceIdleTimeout = 15_000;
  final List<Disk> disks = new ArrayList<>();
  final List<Disk> saved = new ArrayList<>();
  final List<Mount> mounts = new ArrayList<>();
  final List<String> accidents = new ArrayList<>();

  /** A disk of Windows. */
  static final class Physical implements Serializable {
    private static final long serialVersionUID = 1L;
    final String file;
    boolean online;

    Physical(String file, boolean online) {
      this.file = file;
      this.online = online;
    }
  }

  /** A distribution. */
  static final class Instance implements Serializable {
    private static final long serialVersionUID = 1L;
    final String name;
    final int version;
    String vhd;
    boolean systemd = true;
    boolean hasTrue = true;
    boolean corrupted;
    String nixFrom = "";
    boolean runs;
    boolean locked;
    long idleSince;
    final Set<String> clients = new HashSet<>();

    Instance(String name, int version, String vhd) {
      this.name = name;
      this.version = version;
      this.vhd = vhd;
    }
  }

  /** A disk in the virtual machine, as the service lists it. */
  static final class Disk implements Serializable {
    private static final long serialVersionUID = 1L;
    final String path;
    final boolean user;
    final boolean physical;
    int lun = -1;
    String letter = "";
    long bytes;
    final Map<Integer, Listed> mounts = new TreeMap<>();

    Disk(String path, boolean user, boolean physical) {
      this.path = path;
      this.user = user;
      this.physical = physical;
    }
  }

  /** A mount as the service lists it, which may be gone in Linux; empty texts were not given. */
  static final class Listed implements Serializable {
    private static final long serialVersionUID = 1L;
    final String name;
    final String type;
    final String options;

    Listed(String name, String type, String options) {
      this.name = name;
      this.type = type;
      this.options = options;
    }
  }

  /** A mount as Linux has it, for devices that are not real. */
  static final class Mount implements Serializable {
    private static final long serialVersionUID = 1L;
    final String instance;
    final String point;
    final String root;
    final String letter;
    final int partition;
    final String type;
    final String options;
    int users;

    /**
     * One mount.
     *
     * @param instance who sees it; empty if all do, below the share
     */
    Mount(
        String instance,
        String point,
        String root,
        String letter,
        int partition,
        String type,
        String options) {
      this.instance = instance;
      this.point = point;
      this.root = root;
      this.letter = letter;
      this.partition = partition;
      this.type = type;
      this.options = options;
    }

    String device() {
      return partition == 0 ? letter : letter + partition;
    }
  }
}
