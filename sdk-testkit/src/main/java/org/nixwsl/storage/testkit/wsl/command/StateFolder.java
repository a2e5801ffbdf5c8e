package org.nixwsl.storage.testkit.wsl.command;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.nixwsl.storage.testkit.wsl.model.Guests;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;
import org.nixwsl.storage.testkit.wsl.model.WslState;
import org.nixwsl.storage.testkit.wsl.real.RealDisks;

/**
 * A machine kept in a folder, for all processes that use it: one at a time. The folder belongs to
 * one test, and is trusted. Thread-safe.
 */
public final class StateFolder {
  /** A file lock is the whole process's: its threads stand in line here first. */
  private static final ReentrantLock THIS_PROCESS = new ReentrantLock();

  private final Path folder;

  /** A folder, which is there. */
  public StateFolder(Path folder) {
    this.folder = folder;
  }

  /** What is done to a machine while nobody else does anything. */
  @FunctionalInterface
  public interface Use<T> {
    /** Does it. */
    T on(WslMachine machine, Guests guests, FaultPlan faults)
        throws WslFailure, IOException, InterruptedException;
  }

  /** The folder. */
  public Path path() {
    return folder;
  }

  /** Makes one call of wsl.exe. */
  public WslOutput call(WslCall call) throws IOException, InterruptedException {
    try {
      return use((machine, guests, faults) -> new WslCommand(machine, guests, faults).run(call));
    } catch (WslFailure e) {
      throw new IllegalStateException("a command prints its failures", e);
    }
  }

  /** Uses the machine; what it remembers is kept also if this fails. */
  public <T> T use(Use<T> use) throws WslFailure, IOException, InterruptedException {
    THIS_PROCESS.lock();
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      // Ends with the channel.
      channel.lock();
      WslState state = new WslState();
      FaultPlan faults = new FaultPlan();
      Path file = folder.resolve("state");
      if (Files.exists(file)) {
        try (ObjectInputStream in =
            new ObjectInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
          state = (WslState) in.readObject();
          faults = (FaultPlan) in.readObject();
        } catch (ClassNotFoundException e) {
          throw new IOException("Not a state of this simulator: " + file, e);
        }
      }
      Optional<RealDisks> real = RealDisks.of(folder);
      WslMachine machine =
          real.isPresent() ? new WslMachine(state, real.get().devices()) : new WslMachine(state);
      Guests guests = real.isPresent() ? real.get().guests() : Guests.inMemory(state);
      if (real.isPresent()) {
        real.get()
            .keepOnly(
                machine.attached().stream().map(disk -> disk.letter()).collect(Collectors.toSet()));
      }
      try {
        return use.on(machine, guests, faults);
      } finally {
        write(file, state, faults);
      }
    } finally {
      THIS_PROCESS.unlock();
    }
  }

  /** In one step: a process that is killed leaves the state as it was. */
  private static void write(Path file, WslState state, FaultPlan faults) throws IOException {
    Path next = file.resolveSibling("state.next");
    try (ObjectOutputStream out =
        new ObjectOutputStream(new BufferedOutputStream(Files.newOutputStream(next)))) {
      out.writeObject(state);
      out.writeObject(faults);
    }
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
