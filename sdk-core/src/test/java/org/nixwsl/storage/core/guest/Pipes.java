package org.nixwsl.storage.core.guest;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.ClosedByInterruptException;

/**
 * A way in each direction, as between a host and a process: like those of a process, the streams of
 * a socket do not end when their thread is interrupted.
 */
final class Pipes implements AutoCloseable {
  /** About so many bytes nobody has to read. */
  private static final int FULL_AT = 128 << 10;

  private final Socket host;
  private final Socket guest;

  Pipes() throws IOException {
    try (ServerSocket server = new ServerSocket()) {
      server.setReceiveBufferSize(FULL_AT);
      server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
      host = new Socket();
      host.setReceiveBufferSize(FULL_AT);
      host.connect(server.getLocalSocketAddress());
      guest = server.accept();
    }
    host.setSendBufferSize(FULL_AT);
    guest.setSendBufferSize(FULL_AT);
    host.setTcpNoDelay(true);
    guest.setTcpNoDelay(true);
  }

  InputStream inGuest() throws IOException {
    return guest.getInputStream();
  }

  OutputStream outOfGuest() throws IOException {
    return guest.getOutputStream();
  }

  InputStream toHost() throws IOException {
    return host.getInputStream();
  }

  /** As strict as a channel, which closes under an interrupted thread that begins to write. */
  OutputStream fromHost() throws IOException {
    return new FilterOutputStream(host.getOutputStream()) {
      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        if (Thread.currentThread().isInterrupted()) {
          throw new ClosedByInterruptException();
        }
        out.write(bytes, offset, length);
      }
    };
  }

  /** The guest's process is gone. */
  void guestEnds() throws IOException {
    guest.close();
  }

  /** The end of the guest's input. */
  void hostEnds() {
    try {
      if (!host.isClosed() && !host.isOutputShutdown()) {
        host.shutdownOutput();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Closes both ends. */
  @Override
  public void close() throws IOException {
    host.close();
    guest.close();
  }
}
