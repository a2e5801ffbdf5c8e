package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.linux.store.NixLocks.Outcome;
import org.nixwsl.storage.store.NixStore;

class NixLocksTest {
  private final NixLocks locks = new NixLocks(new ProcessRunner());

  @TempDir Path directory;

  @BeforeEach
  void needsFlock() {
    NixTool.require("flock");
  }

  private NixLock gc(NixStore store) {
    return Operation.quiet("lock", operation -> locks.gcShared(store, operation));
  }

  private NixLock big(NixStore store) {
    return Operation.quiet("lock", operation -> locks.bigLockExclusive(store, operation));
  }

  private NixStore store(String name) throws IOException {
    Path root = Files.createDirectory(directory.resolve(FileTreeWriter.nameOf(name)));
    return StoreFixture.create(root, 1).store();
  }

  private int tryExclusively(NixStore store) {
    return NixTool.run(
            directory,
            "flock",
            "-n",
            "-x",
            store.stateDirectory().resolve("gc.lock").toString(),
            "true")
        .exitCode();
  }

  @Test
  void keepsTheCollectorOutUntilItIsClosed() throws IOException {
    NixStore store = store("plain");
    try (NixLock lock = gc(store)) {
      assertThat(lock.held()).isTrue();
      assertThat(tryExclusively(store)).isNotZero();
    }
    assertThat(tryExclusively(store)).isZero();
  }

  @Test
  void sharesTheLockWithOtherReaders() throws IOException {
    NixStore store = store("plain");
    try (NixLock one = gc(store);
        NixLock two = gc(store)) {
      assertThat(one.held()).isTrue();
      assertThat(two.held()).isTrue();
    }
  }

  @Test
  void saysBusyWhenSomebodyElseHasIt() throws IOException {
    NixStore store = store("plain");
    try (NixLock one = big(store);
        NixLock two = big(store)) {
      assertThat(one.outcome()).isEqualTo(Outcome.HELD);
      assertThat(two.outcome()).isEqualTo(Outcome.BUSY);
      assertThat(two.held()).isFalse();
    }
  }

  @Test
  void locksAFileWhosePathHasAnyBytes() throws IOException {
    for (String name : new String[] {"with space", "back\\slash", "$(x)`y`", "b-\u00ff\u00e9"}) {
      try (NixLock lock = big(store(name))) {
        assertThat(lock.held()).as(name + ": " + lock.note()).isTrue();
      }
    }
  }

  @Test
  void makesNoLockFile() throws IOException {
    NixStore store = store("plain");
    Path file = store.stateDirectory().resolve("gc.lock");
    Files.delete(file);
    try (NixLock lock = gc(store)) {
      assertThat(lock.outcome()).isEqualTo(Outcome.UNAVAILABLE);
    }
    assertThat(file).doesNotExist();
  }

  @Test
  void followsNoSymlink() throws IOException {
    NixStore store = store("plain");
    Path file = store.stateDirectory().resolve("gc.lock");
    Files.delete(file);
    Files.createSymbolicLink(file, store.database());
    try (NixLock lock = gc(store)) {
      assertThat(lock.outcome()).isEqualTo(Outcome.UNAVAILABLE);
    }
  }
}
