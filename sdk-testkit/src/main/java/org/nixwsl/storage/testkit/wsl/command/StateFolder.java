package org.nixwsl.storage.testkit.wsl.command;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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

  /**
   * Makes one call of wsl.exe. While a program of it runs in an instance, others use the machine;
   * instances in memory run theirs at once.
   */
  public WslOutput call(WslCall given) throws IOException, InterruptedException {
    WslCall call = RealDisks.of(folder).isPresent() ? given : given.whole();
    try {
      WslCommand.Begun begun =
          use((machine, guests, faults) -> new WslCommand(machine, guests, faults).begin(call));
      if (begun.launch().isEmpty()) {
        return begun.output();
      }
      try (Launch launch = begun.launch().get()) {
        int status = launch.await();
        return end(launch, status);
      }
    } catch (WslFailure e) {
      throw new IllegalStateException("a command prints its failures", e);
    }
  }

  private WslOutput end(Launch launch, int status)
      throws WslFailure, IOException, InterruptedException {
    try {
      return use(
          (machine, guests, faults) -> new WslCommand(machine, guests, faults).end(launch, status));
    } catch (NoSuchFileException e) {
      if (Files.exists(folder)) {
        throw e;
      }
      return launch.orphaned();
    }
  }

  /** Uses the machine; what it remembers is kept also if this fails. */
  public <T> T use(Use<T> use) throws WslFailure, IOException, InterruptedException {
    return use(use, false);
  }

  /**
   * Uses the machine for the last time, and gives the folder another name, under which it is only
   * to be deleted: whoever waited for the machine finds none.
   */
  public void useUp(Use<?> last) throws WslFailure, IOException, InterruptedException {
    use(last, true);
  }

  private <T> T use(Use<T> use, boolean last) throws WslFailure, IOException, InterruptedException {
    THIS_PROCESS.lock();
    try (FileChannel channel =
        FileChannel.open(
            folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      // Ends with the channel.
      channel.lock();
      if (Files.notExists(folder)) {
        throw new NoSuchFileException(folder.toString());
      }
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
      machine.look();
      machine.clientsEnd(guests::isGone);
      T result;
      try {
        result = use.on(machine, guests, faults);
      } finally {
        write(file, state, faults);
      }
      if (last) {
        Files.move(folder, folder.resolveSibling(folder.getFileName() + "-ended"));
      }
      return result;
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
