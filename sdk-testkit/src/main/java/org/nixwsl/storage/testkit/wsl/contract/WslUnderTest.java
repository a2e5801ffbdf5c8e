package org.nixwsl.storage.testkit.wsl.contract;

import java.nio.file.Path;
import java.util.List;
import org.opentest4j.TestAbortedException;

/**
 * A machine with WSL and one instance of version 2, made for one test. What a machine cannot do
 * skips the test that asks for it.
 */
public interface WslUnderTest {
  /** What is on a disk. */
  enum Content {
    /** Nothing. */
    BLANK,
    /** ext4 on all of it. */
    EXT4,
    /** The other file system, {@link #otherType}, on all of it. */
    OTHER,
    /** Two partitions: ext4 and the other file system. */
    EXT4_AND_OTHER
  }

  /**
   * What a call came to.
   *
   * @param exit its status, -1 where wsl.exe itself failed
   * @param out its output, decoded
   * @param err its errors, decoded
   */
  record Answer(int exit, String out, String err) {}

  /** Makes a call; relative paths begin in {@link #folder}. */
  Answer wsl(List<String> arguments);

  /** A folder for files of the test. */
  Path folder();

  /** The name of the instance. */
  String instance();

  /** Makes a VHDX that is not attached. */
  Path disk(Content content);

  /** A file system beside ext4 that its Linux can mount, as {@code blkid} names it. */
  default String otherType() {
    return "vfat";
  }

  /** Lets all idle times pass. */
  default void idleStop() {
    throw cannot("let all idle times pass at once");
  }

  /** Whether the virtual machine runs. */
  default boolean vmRuns() {
    throw cannot("see whether the virtual machine runs");
  }

  /** How many disks are saved for the next start. */
  default int saved() {
    throw cannot("read what WSL saved");
  }

  /** Adds a disk to Windows; the name is for {@code --mount}. */
  default String physicalDisk(Content content) {
    throw cannot("add a disk to Windows");
  }

  /** Whether Windows uses a disk itself. */
  default boolean online(String physicalDisk) {
    throw cannot("add a disk to Windows");
  }

  /** Whether calls come from an elevated shell from now on. */
  default void elevated(boolean elevated) {
    throw cannot("change its rights");
  }

  /** Lets another program hold a file, or let go of it. */
  default void held(Path file, boolean held) {
    throw cannot("hold a file as Windows does");
  }

  /** Forbids to mount disks. */
  default void forbidMounts() {
    throw cannot("set a policy");
  }

  /** Takes the instance away. */
  default void withoutInstances() {
    throw cannot("take its instances away");
  }

  /** Damages the root of the instance. */
  default void corruptInstance() {
    throw cannot("damage an instance");
  }

  /** Lets the instance be exported for as long as the test runs. */
  default void lockInstance() {
    throw cannot("keep an instance in an export");
  }

  /** The file of the instance. */
  default Path instanceDisk() {
    throw cannot("tell where its instance is");
  }

  /** Whether this is that release of WSL or a later one. */
  boolean atLeast(int major, int minor, int patch);

  private static TestAbortedException cannot(String what) {
    return new TestAbortedException("skipped: this machine cannot " + what);
  }
}
