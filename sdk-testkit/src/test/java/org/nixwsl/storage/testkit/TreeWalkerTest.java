package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;

class TreeWalkerTest {
  @TempDir Path directory;

  /** Happens to a file between the look at it and its opening. */
  private interface Before {
    void reading(Path file) throws IOException;
  }

  /** Notes what it is told; may do something to a file before it is read. */
  private static final class Recorder implements TreeSink {
    final List<String> told = new ArrayList<>();
    final ByteArrayOutputStream contents = new ByteArrayOutputStream();
    boolean closed;

    private final Before before;

    Recorder(Before before) {
      this.before = before;
    }

    @Override
    public void enterDirectory(Path source, FileFacts facts) {
      told.add("enter " + source.getFileName());
    }

    @Override
    public void leaveDirectory(Path source, FileFacts facts) {
      told.add("leave " + source.getFileName());
    }

    @Override
    public void symlink(Path source, Path target, FileFacts facts) {
      told.add("symlink " + source.getFileName() + " " + target);
    }

    @Override
    public Optional<FileSink> regular(Path source, FileFacts facts) throws IOException {
      told.add("regular " + source.getFileName() + " " + facts.size());
      before.reading(source);
      return Optional.of(
          new FileSink() {
            @Override
            public void write(ByteBuffer bytes) {
              byte[] copy = new byte[bytes.remaining()];
              bytes.get(copy);
              contents.writeBytes(copy);
            }

            @Override
            public void close() {
              closed = true;
            }
          });
    }
  }

  private static TreeWalker.Walk walk(TreeWalker walker, Path top, TreeSink sink) throws Exception {
    Exception[] thrown = new Exception[1];
    TreeWalker.Walk result =
        Operation.run(
            "walk",
            RunOptions.ofDefaults(),
            Ticker.system(),
            java.util.Map.of(),
            operation -> {
              try {
                return walker.walk(top, sink, operation, bytes -> {});
              } catch (UnreadableException e) {
                thrown[0] = e;
                return new TreeWalker.Walk(Optional.empty(), 0, 0, 0);
              }
            });
    if (thrown[0] != null) {
      throw thrown[0];
    }
    return result;
  }

  @Test
  void tellsTheNodesInTheOrderOfTheNar() throws Exception {
    Path top = Files.createDirectory(directory.resolve("top"));
    Files.createDirectory(top.resolve("ab"));
    Files.writeString(top.resolve("ab").resolve("z"), "z");
    Files.writeString(top.resolve("ab-c"), "12");
    Files.createSymbolicLink(top.resolve("ab.c"), Path.of("/nowhere"));
    Recorder recorder = new Recorder(file -> {});

    TreeWalker.Walk walk = walk(new TreeWalker(), top, recorder);

    assertThat(recorder.told)
        .containsExactly(
            "enter top",
            "enter ab",
            "regular z 1",
            "leave ab",
            "regular ab-c 2",
            "symlink ab.c /nowhere",
            "leave top");
    assertThat(recorder.contents.toString(java.nio.charset.StandardCharsets.UTF_8))
        .isEqualTo("z12");
    assertThat(walk.files()).isEqualTo(3);
    assertThat(walk.depth()).isEqualTo(2);
  }

  @Test
  void refusesAFileThatBecomesShorterOrLongerWhileItIsRead() throws Exception {
    for (int size : new int[] {1, 5000, 262144, 300_000, 524288}) {
      for (int change : new int[] {-1, 1}) {
        Path file = directory.resolve("file" + size + change);
        Files.write(file, new byte[size]);
        Recorder recorder =
            new Recorder(
                source -> {
                  Files.write(source, new byte[size + change]);
                });
        TreeWalker walker = new TreeWalker();

        assertThatThrownBy(() -> walk(walker, file, recorder))
            .as("%d bytes, then %d more", size, change)
            .isInstanceOf(UnreadableException.class)
            .hasMessageContaining(change < 0 ? "became shorter" : "grew");
        assertThat(recorder.closed).isTrue();

        Files.write(file, new byte[size]);
        assertThat(walk(walker, file, TreeSink.none()).hash())
            .as("the walker is as new")
            .contains(new FileTree.Regular(new byte[size], false).nar().hash());
      }
    }
  }

  @Test
  void followsNoSymlinkThatTakesTheFilesPlace() throws Exception {
    Path file = directory.resolve("file");
    Path secret = Files.writeString(directory.resolve("secret"), "secret");
    Files.writeString(file, "public");
    Recorder recorder =
        new Recorder(
            source -> {
              Files.delete(source);
              Files.createSymbolicLink(source, secret);
            });

    assertThatThrownBy(() -> walk(new TreeWalker(), file, recorder))
        .isInstanceOf(UnreadableException.class);
    assertThat(recorder.contents.size()).isZero();
  }

  @Test
  void letsThroughWhatTheSinkThrows() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "x");
    TreeSink full =
        new Recorder(
            source -> {
              throw new IOException("No space left on device");
            });

    assertThatThrownBy(() -> walk(new TreeWalker(), file, full))
        .hasMessageContaining("No space left");
  }

  @Test
  void saysThatATopIsGone() {
    assertThatThrownBy(() -> walk(new TreeWalker(), directory.resolve("gone"), TreeSink.none()))
        .isInstanceOfSatisfying(UnreadableException.class, e -> assertThat(e.gone()).isTrue());
  }
}
