package org.nixwsl.storage.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.nixwsl.storage.core.nar.NixBase32;
import org.nixwsl.storage.store.NixStore;

/**
 * A small Nix store on disk, made in plain Java: as Nix would leave it, with a database of schema
 * 10, profiles, garbage collector roots and {@code .links}; it holds what stores hold and what
 * breaks careless tools (names that are no UTF-8, deep trees, empty files, paths that are a file or
 * a symlink). Everything belongs to the caller. Some 60 paths, 1 MB.
 *
 * <pre>{@code
 * StoreFixture fixture = StoreFixture.create(temporaryDirectory, 1);
 * DamageDone damage = fixture.damage(Damage.FLIP_BYTE);
 * VerifyReport report = sdk.verifier().verify(VerifyRequest.of(fixture.store()));
 * }</pre>
 *
 * <p>The same seed gives the same store, and the same damages in the same order the same damaged
 * one. Needs a file system with POSIX permissions, hard links and symlinks. Not thread-safe. The
 * caller deletes the directory; its directories are not writable, as in any store.
 */
public final class StoreFixture {
  static final String LOGICAL_STORE = "/nix/store/";
  private static final int HASH_BYTES = 20;

  private final Path root;
  private final long seed;
  private final Map<String, FileTree> trees;
  private final FixtureDamager damager;

  private StoreFixture(Path root, long seed, Map<String, FileTree> trees) {
    this.root = root;
    this.seed = seed;
    this.trees = trees;
    this.damager = new FixtureDamager(this, seed);
  }

  /**
   * Makes a store in {@code root/nix}.
   *
   * @param root an existing directory without {@code nix}
   * @param seed decides contents and hashes
   */
  public static StoreFixture create(Path root, long seed) throws IOException {
    return create(root, seed, true);
  }

  /** Like {@link #create}, without {@code .links}: a store that was never optimised. */
  public static StoreFixture createUnoptimised(Path root, long seed) throws IOException {
    return create(root, seed, false);
  }

  private static StoreFixture create(Path root, long seed, boolean optimised) throws IOException {
    FixtureContents contents = new FixtureContents(seed);
    Map<String, FileTree> trees = new TreeMap<>();
    NixStore store = NixStore.ofRoot(root);
    Files.createDirectories(store.storeDirectory());
    Path links = store.storeDirectory().resolve(".links");
    if (optimised) {
      Files.createDirectory(links);
    }
    FileTreeWriter writer = optimised ? FileTreeWriter.sharing(links) : FileTreeWriter.plain();
    StateDirectory.make(store);
    try (FixtureDatabase database = FixtureDatabase.create(store.database())) {
      long time = 1_700_000_000;
      for (FixtureContents.StorePath path : contents.paths()) {
        trees.put(path.logicalPath(), path.tree());
        writer.write(store.storeDirectory().resolve(baseName(path.logicalPath())), path.tree());
        database.register(path.logicalPath(), path.tree().nar(), time++, path.references());
      }
    }
    StateDirectory.addRoots(store, List.copyOf(trees.keySet()));
    Files.setPosixFilePermissions(
        store.storeDirectory(), PosixFilePermissions.fromString("rwxrwxr-x"));
    return new StoreFixture(root, seed, trees);
  }

  /** Where the store is. */
  public NixStore store() {
    return NixStore.ofRoot(root);
  }

  /** The directory that holds {@code nix}; for Nix itself {@code local?root=...}. */
  public Path root() {
    return root;
  }

  /** The logical paths that were registered, sorted; damage takes none away here. */
  public List<String> paths() {
    return List.copyOf(trees.keySet());
  }

  /** Where a logical path is on disk. */
  public Path physical(String logicalPath) {
    return store().storeDirectory().resolve(baseName(logicalPath));
  }

  /**
   * Damages a path that was not damaged yet.
   *
   * @throws IllegalStateException if there is none left that can be damaged so
   */
  public DamageDone damage(Damage kind) throws IOException {
    return damager.damage(kind);
  }

  /** Damages the store in every way, each in another path. */
  public List<DamageDone> damageAll() throws IOException {
    List<DamageDone> all = new ArrayList<>();
    for (Damage kind : Damage.values()) {
      all.add(damage(kind));
    }
    return all;
  }

  /** A logical path of the form that Nix gives, for a name. */
  static String logicalPath(String name, long seed) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest((seed + ":" + name).getBytes(StandardCharsets.UTF_8));
      return LOGICAL_STORE + NixBase32.encode(Arrays.copyOf(digest, HASH_BYTES)) + "-" + name;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  static String baseName(String logicalPath) {
    return logicalPath.substring(LOGICAL_STORE.length());
  }

  FileTree tree(String logicalPath) {
    FileTree tree = trees.get(logicalPath);
    if (tree == null) {
      throw new IllegalArgumentException("No such path in the fixture: " + logicalPath);
    }
    return tree;
  }

  @Override
  public String toString() {
    return "StoreFixture(seed " + seed + " in " + root + ")";
  }
}
