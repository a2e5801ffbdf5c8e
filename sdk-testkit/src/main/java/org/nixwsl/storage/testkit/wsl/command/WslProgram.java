package org.nixwsl.storage.testkit.wsl.command;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * The program {@code wsl}: one call over a state folder. Started by the script beside the state.
 */
public final class WslProgram {
  private WslProgram() {}

  /** Arguments: the state folder, then those of wsl.exe. */
  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> line = List.of(args).subList(1, args.length);
    OutputStream out = new FileOutputStream(FileDescriptor.out);
    OutputStream err = new FileOutputStream(FileDescriptor.err);
    WslCall call =
        new WslCall(
                line,
                new byte[0],
                "1".equals(System.getenv("WSL_UTF8")),
                Path.of("").toAbsolutePath())
            .between(new Guests.Streams(System.in, out, err));
    WslOutput output = new StateFolder(Path.of(args[0])).call(call);
    out.write(output.stdout());
    err.write(output.stderr());
    switch (output.ending()) {
      case HANGS -> new CountDownLatch(1).await();
      case DIED -> Runtime.getRuntime().halt(137); // as a program that was killed by SIGKILL
      case EXITED -> {
        // Linux keeps the lowest byte of a status: -1 becomes 255.
        Runtime.getRuntime().halt(output.exit() & 0xff);
      }
    }
  }
}
