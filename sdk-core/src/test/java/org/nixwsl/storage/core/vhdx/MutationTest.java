package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.nixwsl.storage.core.vhdx.TestImage.HEADER_1;
import static org.nixwsl.storage.core.vhdx.TestImage.ITEMS;
import static org.nixwsl.storage.core.vhdx.TestImage.MIB;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskCheck.Finding;
import org.nixwsl.storage.disk.DiskCheck.Severity;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;

/** One field of a good image is changed, checksums are made right again, and the rule must bite. */
class MutationTest {
  @ParameterizedTest
  @MethodSource({
    "org.nixwsl.storage.core.vhdx.Mutations#structure",
    "org.nixwsl.storage.core.vhdx.Mutations#blocks"
  })
  void aChangeOfADynamicDiskIsFoundAndRefusedOrPassed(Mutations.Mutation mutation)
      throws IOException {
    TestImage image = TestImage.withBlocks();
    mutation.change().accept(image);
    verify(mutation, image);
    if (mutation.severity() == Severity.ERROR) {
      assertThatThrownBy(() -> open(image)).isInstanceOf(DiskException.class);
    } else {
      open(image);
    }
  }

  @ParameterizedTest
  @MethodSource("org.nixwsl.storage.core.vhdx.Mutations#children")
  void aChangeOfADifferencingDiskIsFoundAndRefusedOrPassed(Mutations.Mutation mutation)
      throws IOException {
    TestImage image = TestImage.differencing();
    mutation.change().accept(image);
    verify(mutation, image);
  }

  @Test
  void nothingIsFoundInAnImageThatWasNotChanged() throws IOException {
    assertThat(check(TestImage.empty())).isEmpty();
    assertThat(check(TestImage.withBlocks())).isEmpty();
    assertThat(check(TestImage.differencing())).isEmpty();
  }

  @Test
  void aFileOfAnotherKindIsNoVhdx() throws IOException {
    TestImage image = TestImage.empty().put8(0, 'V');
    assertThatThrownBy(() -> check(image)).satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    assertThatThrownBy(() -> info(image)).satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    image.resize(5);
    assertThatThrownBy(() -> check(image)).satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
    image.resize(0);
    assertThatThrownBy(() -> info(image)).satisfies(e -> hasCode(e, ErrorCode.NOT_A_VHDX));
  }

  @Test
  void whatIsNotUnderstoodIsUnsupportedAndWhatIsBrokenIsCorrupt() throws IOException {
    TestImage newer = TestImage.empty();
    Mutations.bothHeaders(h -> h.image().put16(h.at() + 66, 2)).accept(newer);
    assertThatThrownBy(() -> info(newer.seal()))
        .satisfies(e -> hasCode(e, ErrorCode.VHDX_UNSUPPORTED));
    TestImage broken = TestImage.empty().put32(ITEMS, 0);
    assertThatThrownBy(() -> info(broken)).satisfies(e -> hasCode(e, ErrorCode.VHDX_CORRUPT));
  }

  @Test
  void aMillionFaultsOfOneKindAreCountedNotListed() throws IOException {
    TestImage image = TestImage.empty().put64(ITEMS + 8, 100_000L * MIB);
    for (int i = 0; i < 100_000; i++) {
      image.bat(i, 4, 0);
    }
    List<Finding> findings = check(image);
    assertThat(findings).hasSizeLessThan(110);
    assertThat(findings).anySatisfy(f -> assertThat(f.message()).contains("99900 more"));
  }

  @Test
  void errorsComeBeforeWarnings() throws IOException {
    TestImage image = TestImage.withBlocks().flip(HEADER_1 + 4).bat(5, 4, 0);
    assertThat(check(image)).extracting(Finding::severity).first().isEqualTo(Severity.ERROR);
    assertThat(check(image)).extracting(Finding::severity).last().isEqualTo(Severity.WARNING);
  }

  private static void verify(Mutations.Mutation mutation, TestImage image) throws IOException {
    byte[] before = image.array().clone();
    List<Finding> findings = check(image);
    if (mutation.finding().equals("NONE")) {
      assertThat(findings).allSatisfy(f -> assertThat(f.code()).isEqualTo("SPACE_UNUSED"));
    } else {
      assertThat(findings)
          .anySatisfy(
              f -> {
                assertThat(f.code()).isEqualTo(mutation.finding());
                assertThat(f.severity()).isEqualTo(mutation.severity());
              });
    }
    if (mutation.severity() == Severity.ERROR) {
      assertThat(new DiskCheck(findings).status()).isEqualTo(DiskCheck.Status.ERRORS);
      assertThatThrownBy(() -> info(image)).isInstanceOf(DiskException.class);
    } else {
      assertThat(new DiskCheck(findings).status()).isNotEqualTo(DiskCheck.Status.ERRORS);
      info(image);
    }
    assertThat(Arrays.equals(image.array(), before)).as("not changed").isTrue();
  }

  private static List<Finding> check(TestImage image) {
    return Operation.<DiskCheck>quiet("t", op -> VhdxEngine.check(image, "t", op)).findings();
  }

  private static void info(TestImage image) {
    Operation.quiet("t", op -> VhdxEngine.info(image, "t", op));
  }

  private static void open(TestImage image) {
    Operation.quiet("t", op -> VhdxEngine.readable(image, "t", op));
  }

  private static void hasCode(Throwable e, ErrorCode code) {
    assertThat(e)
        .isInstanceOfSatisfying(DiskException.class, d -> assertThat(d.code()).isEqualTo(code));
  }
}
