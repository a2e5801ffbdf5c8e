package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.util.List;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.disk.BlockDevices;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * Instances that are namespaces inside those of the virtual machine, with the programs of this
 * machine. They have no systemd: their first process sleeps.
 */
final class PlainInstances implements Instances {
  private final Namespaces namespaces;

  PlainInstances(Namespaces namespaces) {
    this.namespaces = namespaces;
  }

  @Override
  public Start start(String name, String letter, Operation operation)
      throws IOException, InterruptedException {
    return namespaces.startInstance(name, letter, operation) ? Start.UP : Start.CORRUPT;
  }

  @Override
  public void stop(String name, Devices.Ending ending, Operation operation)
      throws IOException, InterruptedException {
    if (ending == Devices.Ending.UNMOUNTING && namespaces.runs(name)) {
      namespaces.script(name, operation, "poweroff");
    }
    namespaces.kill(name, operation);
  }

  @Override
  public RunningProcess program(String name, List<String> argv, Guests.Streams streams)
      throws IOException {
    return namespaces.start(name, argv, streams);
  }

  /** They have the devices of the virtual machine. */
  @Override
  public void show(String letter, BlockDevices.Device device, Operation operation) {}

  @Override
  public void hide(String letter, Operation operation) {}

  /** They end with the virtual machine. */
  @Override
  public void destroy(Operation operation) {}
}
