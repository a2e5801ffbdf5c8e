package org.nixwsl.storage.benchmarks;

import com.code_intelligence.jazzer.Jazzer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code fuzz-vhdx}: no measurement, but a search without end. */
@Command(
    name = "fuzz-vhdx",
    description =
        "Feeds damaged VHDX files to the engine, led by the code that they reach, until one breaks"
            + " it or Ctrl-C. Inputs that reach new code are kept in the work directory.")
final class VhdxFuzz implements Callable<Integer> {
  @Mixin private Settings settings = new Settings();

  @Option(
      names = "--seconds",
      defaultValue = "0",
      paramLabel = "N",
      description = "Ends after so many seconds; never when not given.")
  private int seconds;

  VhdxFuzz() {}

  @Override
  public Integer call() throws IOException, ExecutionException {
    Path folder = settings.work().resolve("fuzz-vhdx");
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    Files.deleteIfExists(folder.resolve("fuzz.vhdx"));
    System.setProperty(VhdxFuzzTarget.FOLDER, folder.toString());
    List<String> arguments =
        new ArrayList<>(
            List.of(
                // Not by the memory of the process: most of it is the JVM's own.
                "--target_class=" + VhdxFuzzTarget.class.getName(),
                "--instrumentation_includes=org.nixwsl.storage.core.vhdx.**",
                "--reproducer_path=" + folder,
                "-artifact_prefix=" + folder + "/",
                "-rss_limit_mb=0",
                "-timeout=10",
                "-max_len=4096"));
    if (seconds > 0) {
      arguments.add("-max_total_time=" + seconds);
    }
    arguments.add(corpus.toString());
    // Jazzer ends the process, which waits for this thread: so it must have another one.
    FutureTask<Integer> fuzzing =
        new FutureTask<>(
            () -> {
              Jazzer.main(arguments.toArray(String[]::new));
              return 0;
            });
    new Thread(fuzzing, "jazzer").start();
    try {
      return fuzzing.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0; // the process is ending, with the status that Jazzer gave it
    }
  }
}
