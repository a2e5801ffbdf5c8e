package org.nixwsl.storage.testkit.wsl.command;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * The program {@code wsl}: one call over a state folder. Started by the script beside the state.
 */
public final class WslProgram {
  private WslProgram() {}

  /** Arguments: the state folder, then those of wsl.exe. */
  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> line = List.of(args).subList(1, args.length);
    WslCall call =
        new WslCall(
            line,
            reads(line) ? input() : new byte[0],
            "1".equals(System.getenv("WSL_UTF8")),
            Path.of("").toAbsolutePath());
    WslOutput output = new StateFolder(Path.of(args[0])).call(call);
    print(FileDescriptor.out, output.stdout());
    print(FileDescriptor.err, output.stderr());
    switch (output.ending()) {
      case HANGS -> new CountDownLatch(1).await();
      case DIED -> Runtime.getRuntime().halt(137); // as a program that was killed by SIGKILL
      case EXITED -> {
        // Linux keeps the lowest byte of a status: -1 becomes 255.
        Runtime.getRuntime().halt(output.exit() & 0xff);
      }
    }
  }

  /** Whether standard input is for a program or an import, and not for wsl.exe, which has none. */
  private static boolean reads(List<String> line) {
    return line.contains("--exec")
        || line.contains("-e")
        || line.contains("--")
        || line.contains("-")
        || line.stream().noneMatch(word -> word.startsWith("--") || word.matches("-[lvts]"));
  }

  private static byte[] input() throws IOException {
    return System.in.readAllBytes();
  }

  private static void print(FileDescriptor where, byte[] bytes) throws IOException {
    if (bytes.length > 0) {
      OutputStream out = new FileOutputStream(where);
      out.write(bytes);
      out.flush();
    }
  }
}
