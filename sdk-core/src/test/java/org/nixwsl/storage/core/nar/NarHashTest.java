package org.nixwsl.storage.core.nar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NarHashTest {
  /** The SHA-256 of nothing, as `nix hash` writes it in each of its ways. */
  private static final List<String> OF_NOTHING =
      List.of(
          "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
          "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
          "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
          "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");

  @Test
  void readsEveryWayInWhichNixWritesAHash() {
    assertThat(OF_NOTHING.stream().map(NarHash::parse).distinct()).hasSize(1);
    assertThat(NarHash.parse(OF_NOTHING.get(0)).text()).isEqualTo(OF_NOTHING.get(2));
    assertThat("sha256:" + NarHash.parse(OF_NOTHING.get(2)).toHex()).isEqualTo(OF_NOTHING.get(0));
  }

  @Test
  void readsBackWhatItWrites() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      byte[] bytes = new byte[NarHash.BYTES];
      random.nextBytes(bytes);
      NarHash hash = NarHash.of(bytes);
      assertThat(
              List.of(
                  hash.text(),
                  "sha256:" + hash.toHex(),
                  "sha256-" + Base64.getEncoder().encodeToString(bytes)))
          .as("seed %d", seed)
          .allSatisfy(text -> assertThat(NarHash.parse(text).toBytes()).isEqualTo(bytes));
    }
  }

  @Test
  void refusesWhatIsNoHash() {
    for (String text :
        List.of(
            "",
            "sha256",
            "sha256:",
            "md5:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
            "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha256:emdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            "sha256:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu???",
            "sha256:\u00e9\u00e9")) {
      assertThatIllegalArgumentException().as(text).isThrownBy(() -> NarHash.parse(text));
    }
  }

  @Test
  void knowsTheHashThatMeansNothingIsKnown() {
    assertThat(NarHash.of(new byte[32]).unknown()).isTrue();
    assertThat(NarHash.parse(OF_NOTHING.get(0)).unknown()).isFalse();
  }
}
