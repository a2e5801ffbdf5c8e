package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.NixStore;

/** A machine on which a move works on the instance itself. */
abstract class InstanceFixture extends MigrationFixture {
  static final InstanceName ONE = InstanceName.of("one");
  static final List<String> COMMAND = List.of("C:\\nixwsl.exe", "wsl", "ensure");

  /** Waiting for a lease takes no time. */
  @Override
  Ticker ticker() {
    return new Ticker() {
      private long skipped;

      @Override
      public Instant now() {
        return Instant.now();
      }

      @Override
      public long nanos() {
        return System.nanoTime() + skipped;
      }

      @Override
      public void pause(Duration time) {
        skipped += time.toNanos();
      }
    };
  }

  SharedStorage storage() {
    return SharedStorage.onVhdx(file);
  }

  RollbackRequest back() {
    return RollbackRequest.of(storage(), ONE);
  }

  MigrationRequest.Builder base(InstanceName instance) {
    return MigrationRequest.builder()
        .source(NixStore.ofRoot(Path.of("/")))
        .instance(instance)
        .storage(storage())
        .createDisk(DiskSpec.ofSize(ByteSize.gibibytes(64)));
  }

  MigrationRequest whole() throws IOException {
    return base(ONE)
        .configDirectory(Files.createDirectories(folder.resolve("etc/nixos")))
        .distribution("NixOS")
        .switchSystem(true)
        .restart(true)
        .addAllLogonCommand(COMMAND)
        .build();
  }

  MigrationReport move() throws IOException {
    return engine.run(engine.plan(whole()), options);
  }

  StorageSdkException fails(ErrorCode code, ThrowingCallable call) {
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, call);
    assertThat(e).as("fails").isNotNull();
    assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
    return e;
  }
}
