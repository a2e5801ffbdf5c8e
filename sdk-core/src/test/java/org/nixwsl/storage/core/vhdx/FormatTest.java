package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.vhdx.format.Fields;
import org.nixwsl.storage.core.vhdx.format.Geometry;
import org.nixwsl.storage.disk.DiskType;

class FormatTest {
  private static final long MIB = 1 << 20;

  @Test
  void guidsAreLittleEndianInTheirFirstThreeFields() {
    UUID guid = UUID.fromString("2dc27766-f623-4200-9d64-115e9bfd4a08");
    byte[] bytes = new byte[16];
    var buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    Fields.putGuid(buffer, 0, guid);
    assertThat(HexFormat.of().formatHex(bytes)).isEqualTo("6677c22d23f600429d64115e9bfd4a08");
    assertThat(Fields.guid(buffer, 0)).isEqualTo(guid);
  }

  @Test
  void guidsSurviveWritingAndReading() {
    Random random = new Random(7);
    for (int i = 0; i < 1000; i++) {
      UUID guid = new UUID(random.nextLong(), random.nextLong());
      var buffer = Fields.zeros(20);
      Fields.putGuid(buffer, 3, guid);
      assertThat(Fields.guid(buffer, 3)).isEqualTo(guid);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "512, 1, 4096", "512, 32, 128", "512, 256, 16",
    "4096, 1, 32768", "4096, 32, 1024", "4096, 256, 128"
  })
  void aChunkIsWhatASectorBitmapCovers(int sector, long blockMib, long ratio) {
    var geometry = new Geometry(DiskType.DYNAMIC, MIB, blockMib * MIB, sector, 4096);
    assertThat(geometry.chunkRatio()).isEqualTo(ratio);
  }

  /** 1 TiB at 1 MiB: 1 048 576 blocks and 255 bitmaps between them; 256 chunks as a child. */
  @Test
  void theBlockTableOfATebibyteHasTheKnownNumberOfEntries() {
    var dynamic = new Geometry(DiskType.DYNAMIC, 1L << 40, MIB, 512, 4096);
    assertThat(dynamic.entries()).isEqualTo(1_048_831);
    assertThat(dynamic.entriesWithAllBitmaps()).isEqualTo(1_048_832);
    assertThat(new Geometry(DiskType.DIFFERENCING, 1L << 40, MIB, 512, 4096).entries())
        .isEqualTo(1_048_832);
  }

  @Test
  void payloadEntriesAreWhereCountingOneByOnePutsThem() {
    for (long blockMib : new long[] {32, 256}) {
      var geometry = new Geometry(DiskType.DYNAMIC, 300 * blockMib * MIB, blockMib * MIB, 512, 512);
      long index = 0;
      for (long block = 0; block < geometry.payloadBlocks(); block++) {
        if (block > 0 && block % geometry.chunkRatio() == 0) {
          index++;
        }
        assertThat(geometry.indexOfPayload(block)).isEqualTo(index);
        index++;
      }
      assertThat(geometry.entries()).isEqualTo(index);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void theMapOfUsedSpaceAgreesWithAPlainOne(long seed) {
    Random random = new Random(seed);
    SpaceMap map = new SpaceMap();
    BitSet model = new BitSet();
    for (int i = 0; i < 2000; i++) {
      int unit = random.nextInt(300_000);
      int units = 1 + random.nextInt(random.nextInt(20) == 0 ? 100_000 : 60);
      int taken = model.nextSetBit(unit);
      boolean free = taken < 0 || taken >= unit + units;
      assertThat(map.take(unit * MIB, units * MIB)).as("seed %d", seed).isEqualTo(free);
      model.set(unit, unit + units);
      assertThat(map.takenBytes()).isEqualTo(model.cardinality() * MIB);
    }
  }

  @Test
  void aCreatorCannotSteerATerminal() throws IOException {
    TestImage image = TestImage.empty();
    image.put16(8, 0x1B).put16(10, '[').put16(12, 0x202E).put16(14, 'x').put16(16, 0xD800);
    String creator =
        org.nixwsl.storage.core.run.Operation.quiet("t", op -> VhdxEngine.info(image, "t", op))
            .creator();
    assertThat(creator).startsWith("\uFFFD[\uFFFDx\uFFFD");
  }
}
