package org.nixwsl.storage.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {
  @ParameterizedTest
  @ValueSource(strings = {"a", "nixos-wsl-main", "0.1_x"})
  void takesPlainNames(String name) {
    assertThat(InstanceName.of(name).value()).isEqualTo(name);
    assertThat(MountName.of(name).value()).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", ".nixwsl", "-rf", "a/b", "A", "a b", "a\n", "ä", "a$(x)"})
  void refusesWhatCouldBeAPathOrAnOption(String name) {
    assertThatThrownBy(() -> InstanceName.of(name)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> MountName.of(name)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 200})
  void refusesLongNames(int length) {
    assertThatThrownBy(() -> InstanceName.of("a".repeat(length)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
