package org.nixwsl.storage.linux.copy.tree;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;

/** Which names share an inode in the target, in a store that changes meanwhile. */
class LinkTableTest {
  @TempDir Path directory;
  private Path first;
  private FileFacts facts;
  private Path anchors;
  private LinkTable table;

  @BeforeEach
  void copyOneFile() throws IOException {
    first = Files.writeString(directory.resolve("first"), "old");
    Files.createLink(directory.resolve("second-name"), first);
    facts = FileFacts.of(first);
    anchors = Files.createDirectory(directory.resolve("anchors"));
    table = new LinkTable(facts.device(), directory.resolve("links"), anchors, false);
    Path copy = Files.writeString(directory.resolve("copy"), "old");
    claim(first, facts, copy).orElseThrow().publish(copy);
  }

  @Test
  void linksWhatIsStillTheSameFileThoughItGotAnotherName() throws IOException {
    assertThat(claim(first, facts, directory.resolve("a"))).isEmpty();
    Path added = Files.createLink(directory.resolve("added"), first);
    FileFacts later = later(FileFacts.of(added), facts.inode());
    assertThat(claim(added, later, directory.resolve("b"))).isEmpty();
    assertThat(inode(directory.resolve("a"))).isEqualTo(inode(directory.resolve("b")));
  }

  @Test
  void doesNotLinkAnotherFileThatGotTheNumberOfOneThatWentAway() throws IOException {
    Files.delete(first);
    Path other = Files.writeString(directory.resolve("other"), "new");
    FileFacts reused = later(FileFacts.of(other), facts.inode());
    Path place = directory.resolve("place");
    LinkTable.Claim claim = claim(other, reused, place).orElseThrow();
    Files.writeString(place, "new");
    claim.publish(place);
    assertThat(claim(other, reused, directory.resolve("again"))).isEmpty();
    assertThat(directory.resolve("again")).hasContent("new");
  }

  private Optional<LinkTable.Claim> claim(Path source, FileFacts of, Path place) {
    return Operation.quiet("link", op -> table.linkOrClaim(source, of, place, op));
  }

  private static FileFacts later(FileFacts of, long inode) {
    return new FileFacts(
        of.mode(),
        of.uid(),
        of.gid(),
        inode,
        of.device(),
        2,
        of.size(),
        of.modified(),
        java.nio.file.attribute.FileTime.fromMillis(of.changed().toMillis() + 1));
  }

  private static Object inode(Path file) throws IOException {
    return Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS);
  }
}
