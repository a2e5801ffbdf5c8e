package org.nixwsl.storage.core.migrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.platform.StoreHost;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLocation;

/** Every reason that a plan refuses for; nothing is changed then. */
final class PlanRefusalsTest extends MigrationFixture {
  @Test
  void aDiskThatIsNotThereAndNotToBeMade() {
    assertRefused(request().storage(SharedStorage.onVhdx(file)).build(), ErrorCode.NOT_FOUND);
  }

  @Test
  void aDiskWhoseFolderIsNotThere() {
    file = folder.resolve("absent/disk.vhdx");
    assertRefused(newDisk(), ErrorCode.NOT_FOUND);
  }

  @Test
  void aFileThatIsNoDisk() throws IOException {
    machine.badDisk = problem(ErrorCode.NOT_A_VHDX);
    assertRefused(existingDisk(), ErrorCode.NOT_A_VHDX);
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 35, 1L << 20})
  void aDiskThatIsTooSmall(long bytes) throws IOException {
    machine.measure = new StoreHost.Measure(10, 1, bytes >> 15, bytes);
    machine.virtualSize = ByteSize.ofBytes(bytes);
    assertRefused(existingDisk(), ErrorCode.NO_SPACE);
  }

  @Test
  void moreFilesThanTheDiskHasInodes() throws IOException {
    machine.measure = new StoreHost.Measure(10, 1, (1L << 16) + 1, 1 << 20);
    assertRefused(existingDisk(), ErrorCode.NO_SPACE);
  }

  @Test
  void aVolumeTooFullForTheDiskToGrow() {
    machine.measure = new StoreHost.Measure(10, 1, 1, 1L << 44);
    assertRefused(
        request()
            .storage(SharedStorage.onVhdx(file))
            .createDisk(DiskSpec.ofSize(ByteSize.tebibytes(60)))
            .build(),
        ErrorCode.NO_SPACE);
  }

  @Test
  void aSourceThatIsNoStore() {
    machine.badSource = problem(ErrorCode.NOT_A_STORE);
    assertRefused(newDisk(), ErrorCode.NOT_A_STORE);
  }

  @Test
  void whatMounterAndTargetRefuse() throws IOException {
    machine.formatted = true;
    machine.mounted = true;
    machine.targetRefusals.add(problem(ErrorCode.TARGET_NOT_EMPTY).get());
    assertRefused(existingDisk(), ErrorCode.TARGET_NOT_EMPTY);
    machine.mounterRefusals.add(problem(ErrorCode.NOT_ROOT).get());
    assertRefused(existingDisk(), ErrorCode.NOT_ROOT);
  }

  @Test
  void aMountedDiskWithAnotherUuid() throws IOException {
    machine.mounted = true;
    Files.writeString(file, "disk");
    SharedStorage other =
        SharedStorage.builder()
            .location(new StorageLocation.VhdxFile(file))
            .fileSystemUuid(UUID.randomUUID())
            .build();
    assertRefused(request().storage(other).build(), ErrorCode.WRONG_STORAGE);
  }

  @Test
  void withEveryReasonAtOnce() {
    machine.badSource = problem(ErrorCode.NOT_A_STORE);
    machine.mounterRefusals.add(problem(ErrorCode.TOOL_MISSING).get());
    file = folder.resolve("absent/disk.vhdx");
    MigrationPlan plan = engine.plan(newDisk());
    assertThat(plan.refusals())
        .extracting(Problem::code)
        .containsExactly(ErrorCode.NOT_A_STORE, ErrorCode.TOOL_MISSING, ErrorCode.NOT_FOUND);
    ConflictException e =
        catchThrowableOfType(ConflictException.class, () -> engine.run(plan, options));
    assertThat(e.code()).isEqualTo(ErrorCode.PLAN_REFUSED);
    assertThat(e.getMessage()).contains("[NOT_A_STORE]", "[TOOL_MISSING]", "[NOT_FOUND]");
    assertThat(machine.changes).isEmpty();
  }

  @Test
  void whatHasChangedSinceThePlanWasMade() {
    MigrationPlan plan = engine.plan(newDisk());
    assertThat(plan.runnable()).isTrue();
    machine.mounterRefusals.add(problem(ErrorCode.NOT_ROOT).get());
    StorageSdkException e =
        catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan, options));
    assertThat(e.code()).isEqualTo(ErrorCode.NOT_ROOT);
    assertThat(e.stateLeft()).isEqualTo(StateLeft.NOTHING_CHANGED);
    assertThat(machine.changes).isEmpty();
  }

  private void assertRefused(MigrationRequest request, ErrorCode code) {
    MigrationPlan plan = engine.plan(request);
    assertThat(plan.refusals()).extracting(Problem::code).containsExactly(code);
    StorageSdkException e =
        catchThrowableOfType(StorageSdkException.class, () -> engine.run(plan, options));
    assertThat(e.code()).isEqualTo(code);
    assertThat(machine.changes).isEmpty();
  }

  private static Optional<Problem> problem(ErrorCode code) {
    return Optional.of(Problem.of(code, "Refused.", "None."));
  }
}
