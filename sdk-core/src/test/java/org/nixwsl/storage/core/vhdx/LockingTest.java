package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;

/** Who may touch a disk at the same time. */
@Tag("once")
class LockingTest {
  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void makeADisk() {
    file = folder.resolve("disk.vhdx");
    engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(64)));
  }

  @Test
  void readersShareADiskAndClosingOneKeepsTheLockOfTheOther() throws Exception {
    Tools.require("qemu-io");
    try (SeekableByteChannel one = engine.openForReading(file)) {
      try (SeekableByteChannel two = new VhdxEngine().openForReading(file)) {
        assertThat(engine.inspect(file).virtualSize()).isEqualTo(ByteSize.mebibytes(64));
        assertThat(two.size()).isEqualTo(one.size());
      }
      assertThat(qemuWrites().exitCode()).isNotZero();
      assertThat(one.isOpen()).isTrue();
    }
    assertThat(qemuWrites().exitCode()).isZero();
  }

  @Test
  void readersInTwoProcessesShareADisk() throws Exception {
    try (SeekableByteChannel one = engine.openForReading(file)) {
      String output =
          Tools.succeed(
              ChildJvm.java(),
              "-cp",
              System.getProperty("java.class.path"),
              ChildJvm.class.getName(),
              "inspect",
              file.toString());
      assertThat(output).contains("DYNAMIC");
      assertThat(one.size()).isPositive();
    }
  }

  @Test
  void aDiskThatQemuHasOpenForWritingIsInUse() throws Exception {
    Tools.require("qemu-storage-daemon");
    try (Daemon daemon = new Daemon(false)) {
      daemon.await();
      assertInUse(() -> engine.inspect(file));
      assertInUse(() -> engine.check(file));
      assertInUse(() -> engine.openForReading(file));
    }
    assertThat(engine.inspect(file).virtualSize()).isEqualTo(ByteSize.mebibytes(64));
  }

  @Test
  void aDiskThatQemuOnlyReadsCanBeInspected() throws Exception {
    Tools.require("qemu-storage-daemon");
    try (Daemon daemon = new Daemon(true)) {
      daemon.await();
      assertThat(engine.inspect(file).virtualSize()).isEqualTo(ByteSize.mebibytes(64));
    }
  }

  @Test
  void aDiskThatIsLockedByOthersInThisProcessIsInUse() throws Exception {
    try (FileChannel other = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertThat(other.tryLock()).isNotNull();
      assertInUse(() -> engine.inspect(file));
    }
    engine.inspect(file);
  }

  @Test
  void aDiskThatIsWrittenIsNobodyElses() throws Exception {
    Tools.require("qemu-io", "qemu-img");
    try (DiskChannel one = engine.openForWriting(file)) {
      assertInUse(() -> new VhdxEngine().openForWriting(file));
      assertInUse(() -> engine.openForReading(file));
      assertInUse(() -> engine.repair(file));
      // The refusals have not taken the lock away.
      assertThat(qemuWrites().exitCode()).isNotZero();
      assertThat(Tools.run("qemu-img", "info", file.toString()).exitCode()).isNotZero();
      assertThat(one.isOpen()).isTrue();
    }
    assertThat(qemuWrites().exitCode()).isZero();
    engine.openForWriting(file).close();
  }

  @Test
  void aDiskThatIsReadIsNotWritten() throws Exception {
    try (SeekableByteChannel reader = engine.openForReading(file)) {
      assertInUse(() -> engine.openForWriting(file));
      assertThat(reader.isOpen()).isTrue();
    }
    Tools.require("qemu-storage-daemon");
    try (Daemon daemon = new Daemon(true)) {
      daemon.await();
      assertInUse(() -> engine.openForWriting(file));
    }
  }

  @Test
  void aSymbolicLinkIsFollowedForReading() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    assertThat(engine.inspect(link)).isEqualTo(engine.inspect(file));
  }

  @Test
  void whatIsNotThereOrNoFileIsRefused() throws Exception {
    assertThatThrownBy(() -> engine.inspect(folder.resolve("none.vhdx")))
        .isInstanceOf(EnvironmentException.class)
        .satisfies(e -> hasCode(e, ErrorCode.NOT_FOUND));
    assertThatThrownBy(() -> engine.check(folder))
        .isInstanceOf(DiskException.class)
        .satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    Tools.require("mkfifo");
    Path pipe = folder.resolve("pipe");
    Tools.succeed("mkfifo", pipe.toString());
    assertThatThrownBy(() -> engine.openForReading(pipe))
        .satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    Path text = Files.writeString(folder.resolve("text.vhdx"), "no disk at all");
    assertThatThrownBy(() -> engine.openForReading(text))
        .satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    Files.delete(text);
  }

  @Test
  void aDifferencingDiskWithoutItsParentIsDescribedAndNotRead() throws IOException {
    Path child = TestImage.differencing().writeTo(folder.resolve("child.vhdx"));
    assertThat(engine.inspect(child).parent()).contains("x");
    assertThat(engine.inspect(child).blocks().partiallyPresent()).isEqualTo(1);
    assertThatThrownBy(() -> engine.openForReading(child))
        .satisfies(e -> hasCode(e, ErrorCode.VHDX_PARENT_NOT_FOUND));
    assertThatThrownBy(() -> engine.openForWriting(child))
        .satisfies(e -> hasCode(e, ErrorCode.VHDX_UNSUPPORTED));
    // The refusal has let go of the file.
    try (FileChannel other = FileChannel.open(child, StandardOpenOption.WRITE)) {
      assertThat(other.tryLock()).isNotNull();
    }
  }

  private Tools.Result qemuWrites() throws Exception {
    return Tools.run("qemu-io", "-f", "vhdx", "-c", "write 0 4k", file.toString());
  }

  private static void assertInUse(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(DiskException.class)
        .satisfies(e -> hasCode(e, ErrorCode.VHDX_IN_USE))
        .satisfies(e -> assertThat(((StorageSdkException) e).retryable()).isTrue());
  }

  private static void hasCode(Throwable e, ErrorCode code) {
    assertThat(((StorageSdkException) e).code()).isEqualTo(code);
  }

  /** A QEMU that has the disk open; ends when it is closed. */
  private final class Daemon implements AutoCloseable {
    private final Path ready = folder.resolve("daemon.pid");
    private final Process process;

    Daemon(boolean readOnly) throws IOException {
      String only = readOnly ? ",read-only=on" : "";
      process =
          new ProcessBuilder(
                  "qemu-storage-daemon",
                  "--blockdev",
                  "driver=file,node-name=f0,filename=" + file + only,
                  "--blockdev",
                  "driver=vhdx,node-name=d0,file=f0" + only,
                  "--pidfile",
                  ready.toString())
              .redirectErrorStream(true)
              .redirectOutput(folder.resolve("daemon.log").toFile())
              .start();
    }

    /** The daemon writes its pid when all is open. */
    void await() {
      BooleanSupplier up = () -> Files.exists(ready) || !process.isAlive();
      boolean came =
          Operation.<Boolean>quiet(
              "t",
              op -> op.await("the daemon", java.time.Duration.ofSeconds(20), up::getAsBoolean));
      assertThat(came && process.isAlive()).isTrue();
    }

    @Override
    public void close() {
      process.destroy();
      process.onExit().orTimeout(20, TimeUnit.SECONDS).join();
    }
  }
}
