package org.nixwsl.storage.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ReadmeTest {
  @Test
  void theQuickStartInTheReadmeIsTheCompiledOne() throws IOException {
    String source =
        Files.readString(Path.of("src/main/java/org/nixwsl/storage/examples/QuickStart.java"));
    String region =
        source.substring(
            source.indexOf("// region quick-start\n") + "// region quick-start\n".length(),
            source.indexOf("    // endregion"));
    String readme = Files.readString(Path.of("..", "README.md"));

    assertThat(readme).contains("```java\n" + region.stripTrailing().stripIndent() + "\n```\n");
    assertThat(region.lines().count()).isLessThanOrEqualTo(20);
  }
}
