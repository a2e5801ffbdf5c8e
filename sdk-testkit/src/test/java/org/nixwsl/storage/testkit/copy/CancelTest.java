package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.linux.verify.StoreVerifyEngine;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.VerifyRequest;
import org.nixwsl.storage.testkit.StoreFixture;

/**
 * How soon work ends that is cancelled in the middle of a file which takes many seconds to read.
 */
class CancelTest {
  /** Mostly a hole, so that it takes time on a processor and no room on a disk. */
  private static final long FILE_BYTES = 8L << 30;

  /** By then the small files of the store are done, and the large one is being read. */
  private static final long UNDER_WAY_BYTES = 64L << 20;

  /** 200 ms are aimed at, and seen on an idle machine; a busy one needs more. */
  private static final Duration LIMIT = Duration.ofSeconds(2);

  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 10L << 30);
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 5);
    source = fixture.store();
    try (Stream<Path> files = Files.walk(fixture.physical(fixture.paths().get(0)))) {
      Path file =
          files
              .filter(name -> Files.isRegularFile(name, LinkOption.NOFOLLOW_LINKS))
              .findFirst()
              .orElseThrow();
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.allocate(1), FILE_BYTES - 1);
      }
    }
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void aVerificationEndsSoon() {
    assertEndsSoon(
        options ->
            new StoreVerifyEngine(new ProcessRunner(), Ticker.system())
                .verify(VerifyRequest.of(source), options));
  }

  @Test
  void aCopyEndsSoon() {
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    assertEndsSoon(options -> CopyBench.copy(source, target, options));
  }

  private static void assertEndsSoon(Consumer<RunOptions> work) {
    CancellationToken token = new CancellationToken();
    AtomicLong cancelled = new AtomicLong();
    RunOptions options =
        RunOptions.builder()
            .cancelWith(token)
            .on(
                StorageEvent.Progress.class,
                progress -> {
                  if (progress.bytesDone() > UNDER_WAY_BYTES && !token.cancelled()) {
                    cancelled.set(System.nanoTime());
                    token.cancel();
                  }
                })
            .build();
    assertThatThrownBy(() -> work.accept(options)).isInstanceOf(OperationCancelledException.class);
    Duration took = Duration.ofNanos(System.nanoTime() - cancelled.get());
    System.out.println("ended " + took.toMillis() + " ms after it was cancelled");
    assertThat(took).isLessThan(LIMIT);
  }
}
