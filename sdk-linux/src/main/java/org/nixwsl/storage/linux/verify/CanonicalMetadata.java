package org.nixwsl.storage.linux.verify;

import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Locale;
import java.util.Optional;
import java.util.StringJoiner;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/**
 * Compares what a walk sees anyway with the metadata that Nix gives every path: mode 0444 or 0555,
 * time 1, the owner of the store directory. None of it is in the NAR. For one path.
 */
final class CanonicalMetadata implements TreeSink {
  private static final int READ_ONLY = 0444;
  private static final int READ_ONLY_EXECUTABLE = 0555;

  /** One second after the epoch, to the nanosecond. */
  private static final FileTime TIME = FileTime.fromMillis(1000);

  private final Path top;
  private final int owner;
  private long count;
  private String first = "";

  CanonicalMetadata(Path top, int owner) {
    this.top = top;
    this.owner = owner;
  }

  /** What deviates: the first name, and how many there are. */
  Optional<String> deviation() {
    if (count == 0) {
      return Optional.empty();
    }
    return Optional.of(first + (count == 1 ? "" : "; " + (count - 1) + " more names deviate"));
  }

  @Override
  public void enterDirectory(Path source, FileFacts facts) {
    check(source, facts, facts.permissions() == READ_ONLY_EXECUTABLE);
  }

  @Override
  public void leaveDirectory(Path source, FileFacts facts) {}

  @Override
  public void symlink(Path source, Path target, FileFacts facts) {
    check(source, facts, true);
  }

  @Override
  public Optional<FileSink> regular(Path source, FileFacts facts) {
    int mode = facts.permissions();
    check(source, facts, mode == READ_ONLY || mode == READ_ONLY_EXECUTABLE);
    return Optional.empty();
  }

  private void check(Path source, FileFacts facts, boolean modeFits) {
    boolean timeFits = facts.modified().equals(TIME);
    if (modeFits && timeFits && facts.uid() == owner) {
      return;
    }
    if (count++ > 0) {
      return;
    }
    String name =
        source.equals(top) ? "the path itself" : PathBytes.printable(top.relativize(source));
    StringJoiner wrong = new StringJoiner(", ", name + ": ", "");
    if (!modeFits) {
      String canonical = facts.directory() ? "0555" : "0444 or 0555";
      wrong.add(String.format(Locale.ROOT, "mode %04o, not %s", facts.permissions(), canonical));
    }
    if (!timeFits) {
      wrong.add("time " + facts.modified() + ", not " + TIME);
    }
    if (facts.uid() != owner) {
      wrong.add("owner " + facts.uid() + ", not " + owner + " as the store directory");
    }
    first = wrong.toString();
  }
}
