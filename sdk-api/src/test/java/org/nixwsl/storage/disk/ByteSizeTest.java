package org.nixwsl.storage.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "7, 7",
    "7B, 7",
    "1k, 1024",
    "1M, 1048576",
    "1MiB, 1048576",
    "2T, 2199023255552",
    "64TB, 70368744177664"
  })
  void readsNumbersWithBinaryUnits(String text, long bytes) {
    assertThat(ByteSize.parse(text).bytes()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "M", "1.5G", "-1", "1X", "1 M", "99999999999999999999", "9999999P"})
  void refusesWhatIsNoSize(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void showsOneDecimal() {
    assertThat(ByteSize.ofBytes(1023).display()).isEqualTo("1023 B");
    assertThat(ByteSize.ofBytes(1536).display()).isEqualTo("1.5 KiB");
    assertThat(ByteSize.tebibytes(2).display()).isEqualTo("2.0 TiB");
  }
}
