package org.nixwsl.storage.core.guest;

import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.RunningProcess;

/**
 * A shell that is reached by a program which takes the script as its last argument: {@code sh -c}
 * here, or {@code docker exec -i NAME sh -c} in a container. Not for {@code wsl.exe}, whose command
 * line would need Windows quoting. Thread-safe.
 */
public final class ProgramShell implements Shell {
  private final ProcessRunner processes;
  private final String place;
  private final List<String> program;

  /**
   * A shell behind a program.
   *
   * @param place where the script runs, in a few words for messages
   * @param program what the script is added to, such as {@code sh -c}
   */
  public ProgramShell(ProcessRunner processes, String place, List<String> program) {
    this.processes = processes;
    this.place = place;
    this.program = List.copyOf(program);
  }

  @Override
  public RunningProcess start(String script) {
    List<String> argv = new ArrayList<>(program);
    argv.add(script);
    return processes.startTalking(Command.of(argv));
  }

  @Override
  public String place() {
    return place;
  }
}
