package org.nixwsl.storage.testkit.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.linux.disk.LoopMounter;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;

/**
 * A disk that can be told to fail while it is in use: QEMU's driver {@code blkdebug} answers every
 * read or every write with EIO, and is put in the way and taken out of it by {@code
 * blockdev-reopen}. A folder belongs to one of them.
 */
final class FaultyDisk {
  /** How it fails. */
  enum Fault {
    WRITES("write"),
    READS("read");

    private final String iotype;

    Fault(String iotype) {
      this.iotype = iotype;
    }

    private String node() {
      return iotype + "s-fail";
    }
  }

  private static final String TOP = "top";

  private final Path folder;
  private final Path file;
  private final WslMounter mounter;

  /**
   * A disk, which is not made here.
   *
   * @param folder for what belongs to it; is there
   * @param file where the disk is or will be
   */
  FaultyDisk(Path folder, Path file) throws IOException {
    this.folder = folder;
    this.file = file;
    List<String> options = new ArrayList<>();
    options.addAll(
        List.of(
            "--chardev",
            "socket,id=control,server=on,wait=off,path=" + socket(),
            "--monitor",
            "chardev=control"));
    for (Fault fault : Fault.values()) {
      options.addAll(
          List.of(
              "--blockdev",
              "driver=blkdebug,node-name="
                  + fault.node()
                  + ",image="
                  + StandInDaemon.DISK
                  + ",inject-error.0.event=none,inject-error.0.errno=5,inject-error.0.iotype="
                  + fault.iotype));
    }
    options.addAll(
        List.of("--blockdev", "driver=raw,node-name=" + TOP + ",file=" + StandInDaemon.DISK));
    this.mounter =
        LoopMounter.apart(
            new ProcessRunner(),
            Ticker.system(),
            StandInDaemon.in(folder.resolve("failing"), options, TOP),
            folder.resolve("run"));
  }

  private Path socket() {
    return folder.resolve("control");
  }

  SharedStorage storage() {
    return SharedStorage.onVhdx(file);
  }

  /** Mounts it by a daemon that can be told to fail. */
  WslMounter mounter() {
    return mounter;
  }

  /** From now on it fails. */
  void fail(Fault how) throws IOException {
    standOn(how.node());
  }

  /** From now on it works; one that was detached meanwhile does so by itself. */
  void mend() throws IOException {
    if (!daemons().isEmpty()) {
      standOn(StandInDaemon.DISK);
    }
  }

  /** Speaks QMP: one JSON object a line, and an answer for each. */
  private void standOn(String node) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket()));
      BufferedReader answers =
          new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
      assertThat(answers.readLine()).contains("QMP");
      for (String order :
          List.of(
              "{'execute': 'qmp_capabilities'}",
              "{'execute': 'blockdev-reopen', 'arguments': {'options': [{'driver': 'raw',"
                  + " 'node-name': '%s', 'file': '%s'}]}}".formatted(TOP, node))) {
        channel.write(
            ByteBuffer.wrap((order.replace('\'', '"') + "\n").getBytes(StandardCharsets.UTF_8)));
        assertThat(answers.readLine()).contains("\"return\"");
      }
    }
  }

  /** Pulls it, as a cable is pulled: what is mounted on it stays, with nothing below. */
  void unplug() throws IOException {
    for (ProcessHandle daemon : daemons()) {
      daemon.destroyForcibly();
      daemon.onExit().join();
    }
  }

  private List<ProcessHandle> daemons() {
    return ProcessHandle.allProcesses()
        .filter(
            process ->
                process
                    .info()
                    .commandLine()
                    .filter(words -> words.contains("--pidfile " + folder.resolve("run")))
                    .isPresent())
        .toList();
  }

  /** Takes everything away, in whatever state it is. */
  void discard() throws IOException {
    unplug();
    Path mounts = folder.resolve("run/mnt");
    if (Files.isDirectory(mounts)) {
      LoopFileSystem.run("sh", "-c", "umount -l " + mounts + "/* 2>/dev/null || true");
    }
    mounter.unmount(storage());
  }
}
