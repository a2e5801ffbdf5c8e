package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.BAT;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_1;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_2;
import static org.nixwsl.storage.core.vhdx.TestImage.PAYLOAD;
import static org.nixwsl.storage.core.vhdx.TestImage.REGIONS_1;
import static org.nixwsl.storage.core.vhdx.TestImage.REGIONS_2;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskRepair;
import org.nixwsl.storage.disk.LogState;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;

class RepairTest {
  private final VhdxEngine engine = new VhdxEngine();

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheDisk() {
    file = folder.resolve("disk.vhdx");
  }

  private DiskRepair repair(TestImage image) throws IOException {
    DiskRepair done = engine.repair(image.writeTo(file));
    assertThat(engine.check(file).findings()).isEmpty();
    assertThat(engine.repair(file).changed()).isFalse();
    return done;
  }

  @Test
  void aDiskThatNeedsNothingIsLeftAlone() throws IOException {
    TestImage.withBlocks().writeTo(file);
    String before = Tools.sha256(file);
    assertThat(engine.repair(file)).isEqualTo(new DiskRepair(0, false, false));
    assertThat(Tools.sha256(file)).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(ints = {HEADER_1, HEADER_1 + 8, HEADER_1 + 200, HEADER_2, HEADER_2 + 8})
  void aDamagedHeaderIsRewritten(int at) throws IOException {
    assertThat(repair(TestImage.withBlocks().flip(at))).isEqualTo(new DiskRepair(0, true, false));
  }

  @ParameterizedTest
  @ValueSource(ints = {REGIONS_1, REGIONS_1 + 40, REGIONS_1 + 65535, REGIONS_2, REGIONS_2 + 5000})
  void aDamagedRegionTableIsMadeFromTheOther(int at) throws Exception {
    TestImage image = TestImage.withBlocks();
    byte[] good = Arrays.copyOfRange(image.array(), REGIONS_1, REGIONS_1 + (64 << 10));
    assertThat(repair(image.flip(at))).isEqualTo(new DiskRepair(0, false, true));
    byte[] now = Files.readAllBytes(file);
    assertThat(Arrays.equals(now, REGIONS_1, REGIONS_1 + (64 << 10), good, 0, 64 << 10)).isTrue();
    assertThat(Arrays.equals(now, REGIONS_2, REGIONS_2 + (64 << 10), good, 0, 64 << 10)).isTrue();
    // QEMU reads the first table only, and refuses when it is damaged.
    Tools.require("qemu-img");
    Tools.succeed("qemu-img", "check", "-q", "-f", "vhdx", file.toString());
  }

  @Test
  void aLogIsReplayedAndTheRestPutRightInOneCall() throws IOException {
    TestImage image = TestImage.withBlocks();
    byte[] sector = new byte[4096];
    Arrays.fill(sector, (byte) 7);
    new LogBuilder(image).entry().data(PAYLOAD + 4096, sector).write();
    image.flip(HEADER_2 + 4).flip(REGIONS_2 + 4);
    assertThat(engine.inspect(image.writeTo(file)).log()).isEqualTo(LogState.DIRTY);
    DiskInfo before = engine.inspect(file);
    assertThat(repair(image)).isEqualTo(new DiskRepair(1, true, true));
    byte[] now = Files.readAllBytes(file);
    assertThat(Arrays.copyOfRange(now, PAYLOAD + 4096, PAYLOAD + 8192)).containsOnly(7);
    assertThat(engine.inspect(file).dataWriteGuid()).isEqualTo(before.dataWriteGuid());
  }

  @Test
  void aDifferencingDiskIsRepairedToo() throws IOException {
    DiskRepair done = engine.repair(TestImage.differencing().put8(HEADER_1, 0).writeTo(file));
    assertThat(done.headerRewritten()).isTrue();
    // Repair looks at the file itself only; its parent is nowhere.
    assertThat(engine.check(file).findings())
        .extracting(DiskCheck.Finding::code)
        .containsExactly("PARENT_NOT_FOUND");
  }

  static Stream<Mutations.Mutation> errors() {
    return Stream.concat(Mutations.structure(), Mutations.blocks())
        .filter(mutation -> mutation.severity() == DiskCheck.Severity.ERROR);
  }

  /** Also where a header could be made good: a disk that is broken elsewhere is not touched. */
  @ParameterizedTest
  @MethodSource("errors")
  void whatWouldNeedAGuessIsRefusedAndLeftAlone(Mutations.Mutation mutation) throws IOException {
    TestImage image = TestImage.withBlocks();
    mutation.change().accept(image);
    image.put8(REGIONS_2 + 4, image.array()[REGIONS_2 + 4] + 1);
    if (!mutation.finding().equals("REGION_TABLES_DIFFER")) {
      byte[] before = image.array().clone();
      RecordedFile recorded = new RecordedFile(image.array());
      assertThatThrownBy(() -> Operation.quiet("t", op -> Repair.run(recorded, "t", op)))
          .isInstanceOf(StorageSdkException.class)
          .satisfies(
              e ->
                  assertThat(((StorageSdkException) e).stateLeft())
                      .isEqualTo(StateLeft.NOTHING_CHANGED));
      assertThat(recorded.acts()).isZero();
      assertThat(Arrays.equals(recorded.array(), before)).isTrue();
    }
  }

  @Test
  void twoGoodRegionTablesThatDifferAreNotChosenFrom() throws IOException {
    TestImage image = TestImage.withBlocks().put8(REGIONS_2 + 5000, 1).seal();
    image.writeTo(file);
    assertThatThrownBy(() -> engine.repair(file)).hasMessageContaining("REGION_TABLES_DIFFER");
  }

  /** Whatever a crash leaves of a repair, the next one ends it. */
  @Test
  void aRepairThatIsCutShortIsFinishedByTheNext() throws IOException {
    TestImage image = TestImage.withBlocks();
    byte[] table = Arrays.copyOfRange(image.array(), BAT, BAT + 4096);
    table[0] = 2;
    new LogBuilder(image).entry().data(BAT, table).write();
    image.flip(HEADER_1 + 4).flip(REGIONS_1 + 4);
    RecordedFile whole = new RecordedFile(image.array());
    Operation.quiet("t", op -> Repair.run(whole, "t", op));
    byte[] end = contents(whole.array());
    Random random = new Random(91);
    for (int acts = 0; acts <= whole.acts(); acts++) {
      for (byte[] left : new byte[][] {whole.after(acts), whole.afterLosing(acts, random)}) {
        RecordedFile again = new RecordedFile(left);
        Operation.quiet("t", op -> Repair.run(again, "t", op));
        assertThat(Operation.quiet("t", op -> VhdxEngine.check(again, "t", op)).status())
            .as("act %d", acts)
            .isNotEqualTo(DiskCheck.Status.ERRORS);
        assertThat(Arrays.equals(contents(again.array()), end)).as("act %d", acts).isTrue();
      }
    }
  }

  /** All that is neither header nor log. */
  private static byte[] contents(byte[] image) {
    byte[] rest = image.clone();
    Arrays.fill(rest, HEADER_1, REGIONS_1, (byte) 0);
    Arrays.fill(rest, TestImage.LOG, TestImage.METADATA, (byte) 0);
    return rest;
  }
}
