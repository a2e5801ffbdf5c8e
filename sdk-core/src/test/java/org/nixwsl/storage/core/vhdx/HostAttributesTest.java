package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.disk.HostAttribute;

/** What Windows keeps of a file is told with what it means; the bits are those of winnt.h. */
class HostAttributesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "0x20, ",
    "0x220, SPARSE",
    "0x820, COMPRESSED",
    "0x4020, ENCRYPTED",
    "0x1000, CLOUD_PLACEHOLDER",
    "0x40000, CLOUD_PLACEHOLDER",
    "0x400000, CLOUD_PLACEHOLDER"
  })
  void tellsEachAttribute(String bits, String expected) throws IOException {
    Path file = TestImage.empty().writeTo(folder.resolve("disk.vhdx"));
    VhdxEngine engine =
        new VhdxEngine(Ticker.system(), asked -> OptionalInt.of(Integer.decode(bits)));
    Set<HostAttribute> all = expected == null ? Set.of() : Set.of(HostAttribute.valueOf(expected));
    assertThat(engine.inspect(file).hostAttributes()).contains(all);
    all.forEach(attribute -> assertThat(attribute.meaning()).isNotBlank());
  }

  @Test
  void asksForTheFileThatWasInspectedOrMade() {
    Path file = folder.resolve("disk.vhdx");
    VhdxEngine engine =
        new VhdxEngine(
            Ticker.system(),
            asked -> {
              assertThat(asked).isEqualTo(file).exists();
              return OptionalInt.of(0x4A00);
            });
    Set<HostAttribute> expected =
        Set.of(HostAttribute.SPARSE, HostAttribute.COMPRESSED, HostAttribute.ENCRYPTED);
    assertThat(engine.create(file, DiskSpec.ofSize(ByteSize.mebibytes(3))).hostAttributes())
        .contains(expected);
    assertThat(engine.inspect(file).hostAttributes()).contains(expected);
  }

  /** The JDK would make up attributes from an extended attribute of Samba here. */
  @Test
  void aSystemWithoutThemSaysNothing() throws IOException {
    Path file = TestImage.empty().writeTo(folder.resolve("disk.vhdx"));
    boolean posix = Files.getFileStore(file).supportsFileAttributeView("posix");
    assertThat(new VhdxEngine().inspect(file).hostAttributes().isEmpty()).isEqualTo(posix);
  }
}
