package org.nixwsl.storage.testkit.wsl.command;

import java.io.IOException;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * A call whose program runs in an instance, while others use the machine.
 *
 * @param client the name under which the instance has it
 * @param fault how the call goes wrong after the work, if it does
 */
record Launch(
    WslCall call,
    String instance,
    String client,
    Guests.Program program,
    Console console,
    Optional<Fault> fault)
    implements AutoCloseable {
  /** What wsl.exe gives when its program was taken away with the instance: it hears no status. */
  static final int UNKNOWN_STATUS = 1;

  /** Waits for the end of the program: its status. */
  int await() throws IOException, InterruptedException {
    return program.await();
  }

  /** What the call comes to when the machine is gone. */
  WslOutput orphaned() {
    return console.ended(UNKNOWN_STATUS);
  }

  @Override
  public void close() {
    program.close();
  }
}
