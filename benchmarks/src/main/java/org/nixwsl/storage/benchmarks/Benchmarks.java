package org.nixwsl.storage.benchmarks;

import java.util.concurrent.FutureTask;
import org.nixwsl.storage.error.StorageSdkException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The program behind {@code ./dev bench}: lists the benchmarks, or runs one. */
@Command(
    name = "./dev bench",
    description =
        "Measures the SDK beside its rivals and prints Markdown. Without NAME: this list.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "[NAME]",
    subcommands = {
      StoreBenchmark.class,
      VhdxCreateBenchmark.class,
      VhdxIoBenchmark.class,
      VhdxFuzz.class
    })
public final class Benchmarks implements Runnable {
  /** How long a benchmark that is stopped gets to unmount and delete what it made. */
  private static final long CLEANUP_MILLIS = 120_000;

  private Benchmarks() {}

  /** Runs one benchmark and ends the process: 0 done, 2 wrong usage, another one failed. */
  public static void main(String[] args) throws Exception {
    FutureTask<Integer> work = new FutureTask<>(() -> commandLine().execute(args));
    Thread worker = new Thread(work, "benchmark");
    Thread cleanup = new Thread(() -> stop(worker), "cleanup");
    Runtime.getRuntime().addShutdownHook(cleanup);
    worker.start();
    System.exit(work.get());
  }

  /** Ctrl-C: the benchmark is interrupted, and the process stays until it has cleaned up. */
  private static void stop(Thread worker) {
    worker.interrupt();
    try {
      worker.join(CLEANUP_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static CommandLine commandLine() {
    return new CommandLine(new Benchmarks())
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler(Benchmarks::report);
  }

  private static int report(Exception failure, CommandLine commandLine, Object parsed)
      throws Exception {
    if (failure instanceof IllegalArgumentException || failure instanceof IllegalStateException) {
      commandLine.getErr().println("bench: " + failure.getMessage());
    } else if (failure instanceof StorageSdkException known) {
      commandLine.getErr().println("bench: " + known.getMessage());
    } else {
      throw failure;
    }
    return 3;
  }

  @Override
  public void run() {
    CommandLine.usage(new CommandLine(this), System.out);
  }
}
