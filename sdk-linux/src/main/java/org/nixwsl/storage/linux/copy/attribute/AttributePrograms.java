package org.nixwsl.storage.linux.copy.attribute;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * {@code getfattr} and {@code setfattr} of the package attr, which know extended attributes of all
 * kinds: {@code user.*}, POSIX ACLs, capabilities. Labels of SELinux are passed over, as the policy
 * of the target's machine gives them. Thread-safe.
 */
public final class AttributePrograms {
  /** Some attribute of a large store may need long. */
  private static final Duration LIMIT = Duration.ofHours(1);

  /** As much as is kept of a program's output: more than that cannot be told apart. */
  private static final int MOST_OUTPUT = 16 << 20;

  /** {@code xargs}: a program that it ran ended with an error, such as a file that is gone. */
  private static final int SOME_FAILED = 123;

  private static final String FILE = "# file: ";
  private static final String SELINUX = "security.selinux=";

  private final ProcessRunner processes;
  private final Operation operation;

  /** The programs, started by this runner. */
  public AttributePrograms(ProcessRunner processes, Operation operation) {
    this.processes = processes;
    this.operation = operation;
  }

  /**
   * Sees that they are there.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code TOOL_MISSING}
   */
  public void require() throws IOException, InterruptedException {
    processes.runOk(Command.of("getfattr", "--version"), operation);
    processes.runOk(Command.of("setfattr", "--version"), operation);
  }

  /**
   * The files in trees that have attributes, in no order. No symlink is followed; what is gone is
   * passed over.
   */
  public List<Attributed> read(Collection<Path> trees) throws IOException, InterruptedException {
    ByteArrayOutputStream input = new ByteArrayOutputStream();
    for (Path tree : trees) {
      input.writeBytes(PathBytes.of(tree));
      input.write(0);
    }
    if (input.size() == 0) {
      return List.of();
    }
    ProcessRunner.Result result =
        processes.run(
            Command.of(
                    "xargs",
                    "-0",
                    "getfattr",
                    "--recursive",
                    "--physical",
                    "--no-dereference",
                    "--dump",
                    "--match=-",
                    "--encoding=hex",
                    "--absolute-names",
                    "--")
                .within(LIMIT)
                .reading(input.toByteArray()),
            operation);
    byte[] output = result.stdout();
    if ((result.exitCode() != 0 && result.exitCode() != SOME_FAILED)
        || output.length >= MOST_OUTPUT) {
      throw new IOException(
          output.length >= MOST_OUTPUT
              ? "there are more extended attributes than can be held"
              : "getfattr failed: " + result.allText().strip());
    }
    return parse(output);
  }

  /**
   * Gives files their attributes. A file below a symlink gets none.
   *
   * @param top what all of them lie in, by its own path
   */
  public void write(Path top, Collection<Attributed> files)
      throws IOException, InterruptedException {
    ByteArrayOutputStream input = new ByteArrayOutputStream();
    for (Attributed file : files) {
      if (isReachedByDirectories(file.file(), top)) {
        input.writeBytes(FILE.getBytes(StandardCharsets.US_ASCII));
        input.writeBytes(quoted(PathBytes.of(file.file())));
        input.write('\n');
        for (String line : file.attributes()) {
          input.writeBytes((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
        }
        input.write('\n');
      }
    }
    if (input.size() > 0) {
      // What cannot be given shows when it is compared.
      processes.run(
          Command.of("setfattr", "--no-dereference", "--restore=-")
              .within(LIMIT)
              .reading(input.toByteArray()),
          operation);
    }
  }

  private static boolean isReachedByDirectories(Path file, Path top) throws IOException {
    for (@Nullable Path p = file.getParent(); p != null && !p.equals(top); p = p.getParent()) {
      if (!FileFacts.of(p).directory()) {
        return false;
      }
    }
    return file.startsWith(top);
  }

  private static List<Attributed> parse(byte[] output) {
    List<Attributed> files = new ArrayList<>();
    @Nullable Path file = null;
    List<String> attributes = new ArrayList<>();
    // Latin-1 keeps each byte as one character.
    for (String line : new String(output, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      if (line.startsWith(FILE)) {
        file = PathBytes.toAbsolutePath(unquoted(line.substring(FILE.length())));
      } else if (line.isEmpty()) {
        if (file != null && !attributes.isEmpty()) {
          files.add(new Attributed(file, attributes));
        }
        file = null;
        attributes.clear();
      } else if (!line.startsWith(SELINUX)) {
        attributes.add(line);
      }
    }
    return files;
  }

  /** As {@code getfattr} writes names: a backslash and three octal digits for what is not plain. */
  private static byte[] quoted(byte[] name) {
    StringBuilder out = new StringBuilder();
    for (byte b : name) {
      if (b > 0x20 && b < 0x7f && b != '\\') {
        out.append((char) b);
      } else {
        out.append('\\').append(String.format(Locale.ROOT, "%03o", b & 0xff));
      }
    }
    return out.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private static byte[] unquoted(String text) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '\\' && i + 3 < text.length()) {
        out.write(Integer.parseInt(text.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        out.write(text.charAt(i));
      }
    }
    return out.toByteArray();
  }
}
