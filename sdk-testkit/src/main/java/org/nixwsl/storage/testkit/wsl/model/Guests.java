package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** The inside of the instances: where a command of {@code --exec} runs. */
public interface Guests {
  /** What a program in an instance reads and prints to; whoever made them closes them. */
  record Streams(InputStream in, OutputStream out, OutputStream err) {}

  /** A program in an instance. */
  interface Program extends AutoCloseable {
    /**
     * Waits for its end, while the machine is used by others.
     *
     * @return its status
     */
    int await() throws IOException, InterruptedException;

    /** Kills it if it runs still. */
    @Override
    void close();
  }

  /**
   * Starts a program in an instance that runs.
   *
   * @param argv the program with its arguments
   */
  Program start(String instance, List<String> argv, Streams streams)
      throws IOException, InterruptedException;

  /**
   * A name for a client of an instance that is this process; no other process and no other call has
   * it.
   */
  String newClient();

  /** Whether a client has such a name and its process is gone. */
  boolean isGone(String client);

  /** Instances in memory, which know a few programs and the scripts of the SDK. */
  static Guests inMemory(WslState state) {
    return new LogicalGuest(state);
  }
}
