package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.nixwsl.storage.core.process.RunningProcess;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * Instances in which real programs run, as root, with the mounts of the instance. A program whose
 * caller is gone reads the end of its input, and lives on if it wants to.
 */
final class RealGuests implements Guests {
  private static final String ENV = "/usr/bin/env";
  private static final int NOT_FOUND = 127;

  /** Parts the process of a client from what is its own. */
  private static final String PARTED = "/";

  private final Instances instances;

  RealGuests(Instances instances) {
    this.instances = instances;
  }

  @Override
  public Program start(String instance, List<String> argv, Streams streams) throws IOException {
    List<String> program =
        new ArrayList<>(
            List.of(
                ENV,
                "--ignore-environment",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
                "USER=root",
                "LANG=C.UTF-8",
                "TERM=dumb",
                "WSL_DISTRO_NAME=" + instance));
    program.addAll(argv);
    HeldLine complaint = new HeldLine(ENV + ": '" + argv.get(0) + "': ", streams.err());
    RunningProcess running =
        instances.program(instance, program, new Streams(streams.in(), streams.out(), complaint));
    return new Program() {
      @Override
      public int await() throws IOException, InterruptedException {
        int exit = running.await();
        if (exit == NOT_FOUND && complaint.holds()) {
          complaint.replace("execvp(" + argv.get(0) + ") failed: No such file or directory\n");
          return 1;
        }
        complaint.release();
        return exit;
      }

      @Override
      public void close() {
        running.close();
      }
    };
  }

  @Override
  public String newClient() {
    return LinuxProcess.current() + PARTED + UUID.randomUUID();
  }

  @Override
  public boolean isGone(String client) {
    return client.contains(PARTED)
        && LinuxProcess.parse(client.substring(0, client.indexOf(PARTED)))
            .map(process -> !process.runs())
            .orElse(false);
  }
}
