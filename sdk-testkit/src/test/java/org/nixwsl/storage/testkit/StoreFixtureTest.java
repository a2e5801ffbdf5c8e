package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.ProcessRunner;

class StoreFixtureTest {
  @TempDir Path root;

  @Test
  void nixAcceptsEveryByteOfAHealthyStore() throws IOException {
    NixTool.require("nix-store");
    StoreFixture fixture = StoreFixture.create(root, 7);

    ProcessRunner.Result result =
        NixTool.run(fixture.root(), "nix-store", "--verify", "--check-contents");

    assertThat(result.exitCode()).as(result.allText()).isZero();
    assertThat(result.allText()).doesNotContain("modified", "disappeared", "error");
  }

  @Test
  void nixKnowsTheReferences() throws IOException {
    NixTool.require("nix-store");
    StoreFixture fixture = StoreFixture.create(root, 7);
    String leaf =
        fixture.paths().stream().filter(p -> p.endsWith("-package-0-3-1.0")).findFirst().get();

    String closure = NixTool.run(fixture.root(), "nix-store", "-qR", leaf).text();

    assertThat(closure.lines()).hasSize(4).contains(leaf);
  }

  @Test
  void nixFindsTheContentsThatWereDamaged() throws IOException {
    NixTool.require("nix-store");
    StoreFixture fixture = StoreFixture.create(root, 8);
    DamageDone flipped = fixture.damage(Damage.FLIP_BYTE);
    DamageDone missing = fixture.damage(Damage.DELETE_PATH);

    String said =
        NixTool.run(fixture.root(), "nix-store", "--verify", "--check-contents").allText();

    assertThat(said.lines().filter(line -> line.contains("modified")))
        .singleElement()
        .asString()
        .contains(flipped.paths().get(0));
    assertThat(said.lines().filter(line -> line.contains("disappeared")))
        .anyMatch(line -> line.contains(missing.paths().get(0)));
  }

  @Test
  void sharesInodesAsAnOptimisedStoreDoes() throws IOException {
    StoreFixture fixture = StoreFixture.create(root, 7);
    List<String> group = fixture.paths().stream().filter(p -> p.contains("-package-3-")).toList();
    Set<Object> inodes = new HashSet<>();
    for (String path : group) {
      inodes.add(
          Files.getAttribute(fixture.physical(path).resolve("share/shared.txt"), "unix:ino"));
    }
    assertThat(inodes).hasSize(1);
    Object links =
        Files.getAttribute(
            fixture.physical(group.get(0)).resolve("share/shared.txt"), "unix:nlink");
    assertThat(links).as("the paths and .links").isEqualTo(group.size() + 1);
  }

  @Test
  void isTheSameForTheSameSeed(@TempDir Path other) throws IOException {
    StoreFixture one = StoreFixture.create(root, 9);
    StoreFixture two = StoreFixture.create(other, 9);

    assertThat(two.paths()).isEqualTo(one.paths());
    assertThat(two.damageAll()).isEqualTo(one.damageAll());
  }
}
