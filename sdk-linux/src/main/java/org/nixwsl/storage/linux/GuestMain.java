package org.nixwsl.storage.linux;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.core.guest.GuestParts;
import org.nixwsl.storage.core.guest.GuestServer;
import org.nixwsl.storage.core.nixwire.NixConfigEngine;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.linux.freeze.LinuxFreezer;

/**
 * The guest as a program: standard input and output carry the protocol of {@code
 * docs/guest-protocol.md} and nothing else. It ends when its input ends. Not meant to be started by
 * hand.
 */
public final class GuestMain {
  /** The status of a guest whose host no longer reads; nobody sees it but a process list. */
  private static final int ABANDONED = 3;

  private GuestMain() {}

  /** Serves the host on standard input and output; takes no arguments. */
  public static void main(String[] arguments) throws InterruptedException, IOException {
    try (OutputStream protocol = new FileOutputStream(FileDescriptor.out)) {
      // A library that prints must not be taken for the guest.
      PrintStream errors =
          new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
      System.setOut(errors);
      ProcessRunner processes = new ProcessRunner();
      LinuxPlatform platform = new LinuxPlatform();
      Ticker ticker = Ticker.system();
      NixConfigWriter config =
          new NixConfigEngine(processes, ticker, name -> platform.instanceShell(name, processes));
      Workplace here = platform.workplace(Optional.empty(), config, processes, ticker);
      new GuestServer(
              new GuestParts(
                  here.host(),
                  here.verifier(),
                  new LinuxFreezer(processes, ticker),
                  here.tree(),
                  here.stillness(),
                  config),
              ticker,
              GuestServer.SILENCE,
              () -> Runtime.getRuntime().halt(ABANDONED))
          .serve(new FileInputStream(FileDescriptor.in), protocol);
    }
    // A reader that waits for the host must not keep this alive.
    System.exit(0);
  }
}
