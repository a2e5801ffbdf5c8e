package org.nixwsl.storage.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableFilesTest {
  @TempDir private Path folder;

  @Test
  void createsAFileThatWasNotThere() throws Exception {
    Path file = folder.resolve("new");
    DurableFiles.create(file, text("one"));
    assertThat(file).hasContent("one");
    assertThat(names()).containsExactly("new");
  }

  @Test
  void neverCreatesOverAFile() throws Exception {
    Path file = Files.writeString(folder.resolve("old"), "kept");
    assertThatThrownBy(() -> DurableFiles.create(file, text("lost")))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(file).hasContent("kept");
  }

  @Test
  void neverCreatesOverAFileThatCameMeanwhile() throws Exception {
    Path file = folder.resolve("raced");
    assertThatThrownBy(
            () ->
                DurableFiles.create(
                    file,
                    channel -> {
                      text("lost").writeTo(channel);
                      Files.writeString(file, "kept");
                    }))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(file).hasContent("kept");
    assertThat(names()).containsExactly("raced");
  }

  @Test
  void neverCreatesThroughASymlink() throws Exception {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("posix"),
        "skipped: symlinks without a special right are missing");
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("target"));
    assertThatThrownBy(() -> DurableFiles.create(link, text("lost")))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(folder.resolve("target")).doesNotExist();
  }

  @Test
  void leavesNothingWhenTheNewNameCannotBeForcedToTheDevice() throws Exception {
    Path file = folder.resolve("new");
    assertThatThrownBy(
            () ->
                DurableFiles.create(
                    file,
                    text("one"),
                    directory -> {
                      assertThat(file).hasContent("one");
                      throw new IOException("Input/output error");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage("Input/output error")
        .hasNoSuppressedExceptions();
    assertThat(names()).isEmpty();
  }

  @Test
  void replacesAFileInOneStep() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "old");
    DurableFiles.replace(file, text("new"));
    assertThat(file).hasContent("new");
    assertThat(names()).containsExactly("file");
  }

  @Test
  void keepsTheOldFileAndNoTemporaryOneWhenWritingFails() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "old");
    assertThatThrownBy(
            () ->
                DurableFiles.replace(
                    file,
                    channel -> {
                      text("half").writeTo(channel);
                      throw new IOException("pulled");
                    }))
        .hasMessage("pulled");
    assertThat(file).hasContent("old");
    assertThat(names()).containsExactly("file");
  }

  private static DurableFiles.Contents text(String text) {
    return channel -> channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(p -> String.valueOf(p.getFileName())).sorted().toList();
    }
  }
}
