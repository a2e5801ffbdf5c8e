package org.nixwsl.storage.core.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;

/** What there is to say where there is no guest program; the program itself is tested with one. */
class GuestProgramTest {
  @Test
  void whereTheHalfForLinuxIsMissingTheErrorSaysWhatToAdd() {
    notThere(
        GuestProgram.ofClasses(GuestProgramTest.class.getClassLoader()),
        "org.nixwsl.storage.linux.GuestMain is not on the class path",
        "org.nixwsl:nixwsl-sdk-linux");
  }

  @Test
  void aJarThatWasNamedAndIsNotThereIsNamed(@TempDir Path folder) {
    notThere(
        GuestProgram.at(folder.resolve("guest.jar")), "guest.jar is not there", "NIXWSL_GUEST_JAR");
  }

  private static void notThere(GuestProgram program, String why, String remedy) {
    assertThatThrownBy(program::jar)
        .isInstanceOfSatisfying(
            EnvironmentException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND);
              assertThat(e.remedy()).contains(remedy);
            })
        .hasMessageContaining(why);
  }
}
