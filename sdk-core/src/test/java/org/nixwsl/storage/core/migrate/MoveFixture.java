package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;

/** A machine on which a store is moved to a disk. */
abstract class MoveFixture extends MigrationFixture {
  static final InstanceName ONE = InstanceName.of("one");

  SharedStorage storage() {
    return SharedStorage.onVhdx(file);
  }

  RollbackRequest back() {
    return RollbackRequest.of(storage(), ONE);
  }

  void killAtCopy() {
    machine.failAt = 3;
    assertThatThrownBy(() -> engine.run(engine.plan(newDisk())))
        .isInstanceOf(StorageSdkException.class);
    machine.failAt = -1;
  }

  void refused(ErrorCode code, ThrowingCallable call) {
    StorageSdkException e = catchThrowableOfType(StorageSdkException.class, call);
    assertThat(e).as("refused").isNotNull();
    assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
  }
}
