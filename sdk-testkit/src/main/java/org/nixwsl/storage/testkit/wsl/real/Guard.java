package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * A process beside this one that has a machine taken away when this one ends without having done
 * it, however it ends: it waits at a named pipe, the other end of which the kernel closes then.
 */
public final class Guard implements AutoCloseable {
  static final String NAME = "guard";

  private final FileChannel line;

  private Guard(FileChannel line) {
    this.line = line;
  }

  static Guard start(
      Path folder, Path machine, Path cleaning, Namespaces namespaces, ProcessRunner processes)
      throws IOException {
    Path pipe = folder.resolve("line");
    Operation.quiet(
        "make " + pipe,
        operation -> processes.runOk(Command.of("mkfifo", pipe.toString()), operation));
    // For both directions, because opening one of them waits for someone at the other end.
    FileChannel line = FileChannel.open(pipe, StandardOpenOption.READ, StandardOpenOption.WRITE);
    Operation.quiet(
        "start the guard",
        operation -> {
          namespaces.guard(pipe, machine, cleaning, operation);
          return Boolean.TRUE;
        });
    return new Guard(line);
  }

  /** Lets it go: it ends, and does nothing if the machine is gone by now. */
  @Override
  public void close() throws IOException {
    line.close();
  }
}
