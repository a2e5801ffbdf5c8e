package org.nixwsl.storage.windows.wsl;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/**
 * A program in the place of wsl.exe: it writes down its arguments, what it reads and WSL_UTF8, and
 * answers what the test has put down for the verb. Answers are used up in order; the last one
 * stays.
 */
public final class FakeWsl {
  private static final String PROGRAM =
      """
      #!/bin/sh
      dir=${0%/*}
      n=1
      while [ -e "$dir/call.$n" ]; do n=$((n + 1)); done
      for argument in "$@"; do printf '%s\\0' "$argument"; done > "$dir/call.$n"
      printf '%s' "$WSL_UTF8" > "$dir/utf8.$n"
      cat > "$dir/stdin.$n"
      verb=$1
      # Lists of both kinds may have answers of their own.
      if [ "$1" = --list ] && [ "$2" = --running ] && [ -e "$dir/--running" ]; then verb=--running; fi
      if [ "$1" = -d ]; then
        verb=$(sed -n "1s/^set -- '\\([a-z]*\\)'.*/\\1/p" "$dir/stdin.$n")
        [ -n "$verb" ] || verb=script
        if [ -e "$dir/$verb-$2" ]; then verb=$verb-$2; fi
      fi
      used=1
      while [ -e "$dir/$verb/$used.used" ] && [ -e "$dir/$verb/$((used + 1)).exit" ]; do
        used=$((used + 1))
      done
      : > "$dir/$verb/$used.used"
      cat "$dir/$verb/$used.out"
      cat "$dir/$verb/$used.err" >&2
      exit "$(cat "$dir/$verb/$used.exit")"
      """;

  private final Path directory;

  /** Puts the program into a directory. */
  public FakeWsl(Path directory) throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "skipped: sh is missing");
    this.directory = directory;
    Path program = Files.writeString(directory.resolve("wsl"), PROGRAM);
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** The calls of the SDK to it. */
  public WslExe exe() {
    return new WslExe(runner());
  }

  /** The way to call it. */
  public WslRunner runner() {
    return WslRunner.ofProgram(new ProcessRunner(), directory.resolve("wsl").toString());
  }

  /** One more answer for a verb, in UTF-8 as of a wsl.exe that heeds WSL_UTF8. */
  public FakeWsl answers(String verb, int exit, String stdout) throws IOException {
    return answers(verb, exit, stdout, "", StandardCharsets.UTF_8);
  }

  /** One more answer for a verb. */
  public FakeWsl answers(String verb, int exit, String stdout, String stderr, Charset charset)
      throws IOException {
    Path folder = Files.createDirectories(directory.resolve(verb));
    int number = 1;
    while (Files.exists(folder.resolve(number + ".exit"))) {
      number++;
    }
    Files.write(folder.resolve(number + ".out"), stdout.getBytes(charset));
    Files.write(folder.resolve(number + ".err"), stderr.getBytes(charset));
    Files.writeString(folder.resolve(number + ".exit"), Integer.toString(exit & 0xff));
    return this;
  }

  /** Takes the answers for a verb away. */
  public FakeWsl clear(String verb) throws IOException {
    Path folder = directory.resolve(verb);
    if (Files.exists(folder)) {
      Files.move(folder, Files.createTempDirectory(directory, "old").resolve(verb));
    }
    return this;
  }

  /** What each call so far read. */
  public List<String> scripts() throws IOException {
    List<String> scripts = new ArrayList<>();
    for (int i = 1; Files.exists(directory.resolve("stdin." + i)); i++) {
      scripts.add(Files.readString(directory.resolve("stdin." + i)));
    }
    return scripts;
  }

  /** The arguments of each call so far. */
  public List<List<String>> calls() throws IOException {
    List<List<String>> calls = new ArrayList<>();
    for (int i = 1; Files.exists(directory.resolve("call." + i)); i++) {
      List<String> argv =
          new ArrayList<>(
              List.of(Files.readString(directory.resolve("call." + i)).split("\0", -1)));
      argv.remove(argv.size() - 1);
      calls.add(argv);
    }
    return calls;
  }

  /** What the program of a call, counted from 1, found in a file that it wrote. */
  public String noted(String what, int call) throws IOException {
    return Files.readString(directory.resolve(what + "." + call));
  }

  /** Runs a body as a quiet operation. */
  public static <T> T call(Operation.Body<T> body) {
    return Operation.quiet("test", body);
  }
}
