package org.nixwsl.storage.core.migrate.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.io.LineJournal;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.migrate.journal.JournalEntry.Kind;
import org.nixwsl.storage.core.migrate.journal.JournalState.Progress;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import org.nixwsl.storage.store.NixStore;

/** The journal of a move under crashes, damage and the hands of others. */
final class StageJournalTest {
  private static final Instant NOW = Instant.parse("2026-11-27T12:00:00.123Z");

  /** Codes that refuse a journal instead of reading it wrongly. */
  private static final Set<ErrorCode> REFUSALS =
      Set.of(ErrorCode.JOURNAL_FOREIGN, ErrorCode.JOURNAL_DAMAGED, ErrorCode.JOURNAL_TOO_NEW);

  @TempDir private Path directory = Path.of("/");

  @Test
  void givesBackEveryRequest() throws Exception {
    // A name that is no UTF-8: on Linux names are bytes.
    Path odd =
        Path.of("/").getFileSystem().supportedFileAttributeViews().contains("unix")
            ? PathBytes.toAbsolutePath(new byte[] {'/', 'a', ' ', '%', (byte) 0xff, '\n', '"'})
            : Path.of("/a b");
    List<StorageLocation> locations =
        List.of(
            new StorageLocation.VhdxFile(odd),
            new StorageLocation.MountedDirectory(odd),
            new StorageLocation.PhysicalDisk("\\\\.\\PHYSICALDRIVE3", Optional.of(2)),
            new StorageLocation.PhysicalDisk("\\\\.\\PHYSICALDRIVE3", Optional.empty()));
    for (StorageLocation location : locations) {
      MigrationRequest full =
          MigrationRequest.builder()
              .source(NixStore.ofNixDirectory(odd))
              .instance(InstanceName.of("one"))
              .storage(
                  SharedStorage.builder()
                      .location(location)
                      .mountName(MountName.of("other"))
                      .fileSystemUuid(UUID.randomUUID())
                      .build())
              .createDisk(
                  DiskSpec.builder()
                      .virtualSize(ByteSize.tebibytes(2))
                      .blockSize(ByteSize.mebibytes(32))
                      .logicalSectorSize(4096)
                      .fixed(true)
                      .build())
              .threads(7)
              .configDirectory(odd)
              .detachAtEnd(true)
              .build();
      MigrationRequest restarted =
          MigrationRequest.builder()
              .source(NixStore.ofNixDirectory(odd))
              .instance(InstanceName.of("one"))
              .storage(SharedStorage.builder().location(location).build())
              .configDirectory(odd)
              .distribution("NixOS ä \"1\"")
              .switchSystem(true)
              .restart(true)
              .addLogonCommand("C:\\a b\\java.exe", "-jar", "é")
              .build();
      MigrationRequest bare =
          MigrationRequest.builder()
              .source(NixStore.ofNixDirectory(odd))
              .instance(InstanceName.of("one"))
              .storage(SharedStorage.builder().location(location).build())
              .build();
      for (MigrationRequest request : List.of(full, restarted, bare)) {
        JournalHeader header =
            new JournalHeader(UUID.randomUUID(), UUID.randomUUID(), NOW, request);
        Path file = directory.resolve(header.migration().toString());
        StageJournal.begin(file, header).close();
        assertThat(StageJournal.read(file).orElseThrow().header()).isEqualTo(header);
      }
    }
  }

  /** An older SDK goes on with what it knows, and refuses what it does not. */
  @Test
  void onlyARequestThatTheFirstVersionHasNoWordsForIsOfTheSecond() throws Exception {
    MigrationRequest.Builder plain =
        MigrationRequest.builder()
            .source(NixStore.ofNixDirectory(Path.of("/nix")))
            .instance(InstanceName.of("one"))
            .storage(SharedStorage.inDirectory(Path.of("/storage")))
            .configDirectory(Path.of("/etc/nixos"));
    assertThat(firstLine(plain.build())).startsWith("nixwsl-migration 1 {");
    assertThat(firstLine(plain.switchSystem(true).build())).startsWith("nixwsl-migration 2 {");
  }

  private String firstLine(MigrationRequest request) throws Exception {
    Path file = directory.resolve(UUID.randomUUID().toString());
    JournalHeader header = new JournalHeader(UUID.randomUUID(), UUID.randomUUID(), NOW, request);
    StageJournal.begin(file, header).close();
    return LineJournal.read(file).get(0);
  }

  @Test
  void tellsHowFarEachStageIs() throws Exception {
    Path file = begun();
    try (StageJournal journal = StageJournal.open(file)) {
      journal.append(entry(Kind.INTENT, Stage.DISK, Map.of("file", "a")));
      journal.append(entry(Kind.FACT, Stage.DISK, Map.of("diskId", "ä \u0007 \"{}")));
      journal.append(entry(Kind.INTENT, Stage.ATTACH, Map.of()));
      journal.append(entry(Kind.INTENT, Stage.COPY, Map.of("gone", "1")));
      journal.append(entry(Kind.UNDO_INTENT, Stage.COPY, Map.of()));
      journal.append(entry(Kind.UNDONE, Stage.COPY, Map.of()));
      journal.append(entry(Kind.UNDO_INTENT, Stage.ATTACH, Map.of()));
      journal.append(entry(Kind.FAILED, Stage.ATTACH, Map.of("code", "STORAGE_BUSY")));
    }
    JournalState state = StageJournal.read(file).orElseThrow();
    assertThat(state.of(Stage.PREFLIGHT)).isEqualTo(Progress.UNTOUCHED);
    assertThat(state.of(Stage.DISK)).isEqualTo(Progress.DONE);
    assertThat(state.of(Stage.ATTACH)).isEqualTo(Progress.UNDOING);
    assertThat(state.of(Stage.COPY)).isEqualTo(Progress.UNTOUCHED);
    assertThat(state.facts(Stage.DISK)).isEqualTo(Map.of("file", "a", "diskId", "ä \u0007 \"{}"));
    assertThat(state.facts(Stage.COPY)).isEmpty();
    assertThat(state.failure().orElseThrow().facts()).containsEntry("code", "STORAGE_BUSY");
  }

  /** Several lines of one rollback, folded meanwhile. */
  @Test
  void whatARollbackNotedOfItselfIsKnownUntilItIsAtItsEnd() throws Exception {
    Path file = begun();
    try (StageJournal journal = StageJournal.open(file)) {
      journal.append(entry(Kind.UNDO_INTENT, Stage.PREFLIGHT, Map.of()));
      journal.append(entry(Kind.UNDO_INTENT, Stage.PREFLIGHT, Map.of("bringingBack", "true")));
      journal.append(entry(Kind.FAILED, Stage.PREFLIGHT, Map.of("code", "NO_SPACE")));
      journal.append(entry(Kind.UNDO_INTENT, Stage.PREFLIGHT, Map.of("broughtBack", "7 8 ab cd")));
    }
    try (StageJournal journal = StageJournal.open(file, 0)) {
      assertThat(journal.state().rollingBack()).isTrue();
      assertThat(journal.state().facts(Stage.PREFLIGHT))
          .isEqualTo(Map.of("bringingBack", "true", "broughtBack", "7 8 ab cd"));
      journal.append(entry(Kind.UNDONE, Stage.PREFLIGHT, Map.of()));
    }
    JournalState end = StageJournal.read(file).orElseThrow();
    assertThat(end.rollingBack()).isFalse();
    assertThat(end.facts(Stage.PREFLIGHT)).isEmpty();
  }

  /** Cut anywhere it is what it was some lines ago, or no journal at all. */
  @Test
  void whereverItIsCutItIsAJournalOfBeforeOrRefused() throws Exception {
    long seed = new Random().nextLong();
    Path file = filled(seed);
    byte[] whole = Files.readAllBytes(file);
    JournalState full = StageJournal.read(file).orElseThrow();
    Path cut = directory.resolve("cut");
    for (int length = 0; length < whole.length; length++) {
      Files.deleteIfExists(cut); // ext4 writes a file out at once that replaces another
      Files.write(cut, Arrays.copyOf(whole, length));
      JournalState state = readOrRefused(cut);
      if (state == null) {
        assertThat(length).as("seed %s, only without a first line", seed).isLessThan(end(whole, 1));
        continue;
      }
      int lines = state.entries().size();
      assertThat(state.entries()).isEqualTo(full.entries().subList(0, lines));
      assertThat(length).as("seed %s", seed).isBetween(end(whole, lines + 1), whole.length);
      assertThat(state.header()).isEqualTo(full.header());
      if (length % 29 == 0) { // each costs a write to the device
        try (StageJournal journal = StageJournal.open(cut)) {
          journal.append(entry(Kind.INTENT, Stage.COMMIT, Map.of()));
        }
        assertThat(StageJournal.read(cut).orElseThrow().entries()).hasSize(lines + 1);
      }
    }
  }

  /**
   * A wrong byte costs the last line, or the last two when it was the line feed between them, as
   * after a crash; anywhere else the journal is refused.
   */
  @Test
  void withAnyWrongByteItLosesTheEndOrIsRefused() throws Exception {
    long seed = new Random().nextLong();
    Path file = filled(seed);
    byte[] whole = Files.readAllBytes(file);
    JournalState full = StageJournal.read(file).orElseThrow();
    int last = full.entries().size();
    Path damaged = directory.resolve("damaged");
    for (int at = 0; at < whole.length; at++) {
      for (int change : new int[] {1 << at % 8, whole[at] ^ '\n'}) {
        if (change == 0) {
          continue;
        }
        byte[] bytes = whole.clone();
        bytes[at] ^= (byte) change;
        Files.write(damaged, bytes, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        JournalState state = readOrRefused(damaged);
        boolean inTheLastLine = at >= end(whole, last) - 1;
        assertThat(state != null)
            .as("seed %s, byte %s of %s changed by %s", seed, at, whole.length, change)
            .isEqualTo(inTheLastLine);
        if (state != null) {
          assertThat(state.entries().size()).isBetween(last - 2, last - 1);
          assertThat(state.entries()).isEqualTo(full.entries().subList(0, state.entries().size()));
        }
      }
    }
  }

  @Test
  void aLineThatWasTakenOutOrDoubledIsDamage() throws Exception {
    Path file = filled(5);
    List<String> lines = LineJournal.read(file);
    for (int at = 1; at < lines.size() - 1; at++) {
      List<String> without = new ArrayList<>(lines);
      without.remove(at);
      LineJournal.replace(file, without);
      assertRefused(file, ErrorCode.JOURNAL_DAMAGED);
      List<String> twice = new ArrayList<>(lines);
      twice.add(at, lines.get(at));
      LineJournal.replace(file, twice);
      assertRefused(file, ErrorCode.JOURNAL_DAMAGED);
    }
  }

  @Test
  void whatIsNotOursIsForeign() throws Exception {
    Path file = directory.resolve("foreign");
    Files.writeString(file, "");
    assertRefused(file, ErrorCode.JOURNAL_FOREIGN);
    Files.writeString(file, "a letter to my aunt\n".repeat(100));
    assertRefused(file, ErrorCode.JOURNAL_FOREIGN);
    for (String first : List.of("nixwsl-copy 1 99 /nix", "nixwsl-migration x {}", "")) {
      LineJournal.replace(file, List.of(first));
      assertRefused(file, ErrorCode.JOURNAL_FOREIGN);
    }
    try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
      large.setLength(1L << 40);
    }
    assertRefused(file, ErrorCode.JOURNAL_FOREIGN);
  }

  @Test
  void aLayoutOtherThanTheDefaultIsNotForReadersThatKnowOfNone() throws Exception {
    for (StorageLayout layout :
        List.of(StorageLayout.ofDefaults(), new StorageLayout.BtrfsSubvolumes(9))) {
      boolean same = layout.equals(StorageLayout.ofDefaults());
      MigrationRequest request =
          MigrationRequest.builder()
              .source(NixStore.ofNixDirectory(directory))
              .instance(InstanceName.of("one"))
              .storage(
                  SharedStorage.builder()
                      .location(new StorageLocation.VhdxFile(directory.resolve("d.vhdx")))
                      .layout(layout)
                      .build())
              .build();
      Path file = directory.resolve(layout.text());
      StageJournal.begin(
              file, new JournalHeader(UUID.randomUUID(), UUID.randomUUID(), NOW, request))
          .close();
      String first = LineJournal.read(file).get(0);
      assertThat(first).startsWith("nixwsl-migration " + (same ? 1 : 3) + " ");
      assertThat(first.contains("\"layout\":\"btrfs:9\"")).isNotEqualTo(same);
      assertThat(StageJournal.read(file).orElseThrow().header().request()).isEqualTo(request);
    }
  }

  @Test
  void aNewerOneIsToldFromADamagedOne() throws Exception {
    Path file = begun();
    String first = LineJournal.read(file).get(0);
    LineJournal.replace(file, List.of(first.replace("nixwsl-migration 1 ", "nixwsl-migration 4 ")));
    assertRefused(file, ErrorCode.JOURNAL_TOO_NEW);
    for (String line :
        List.of(
            "{}",
            "[]",
            "x",
            "{\"n\":1,\"at\":\"2026-11-27T12:00:00Z\",\"kind\":\"intent\",\"stage\":\"lunch\"}",
            "{\"n\":1,\"at\":\"yesterday\",\"kind\":\"intent\",\"stage\":\"disk\"}")) {
      LineJournal.replace(file, List.of(first, line));
      assertRefused(file, ErrorCode.JOURNAL_DAMAGED);
    }
    LineJournal.replace(file, List.of("nixwsl-migration 1 {\"migration\":1}"));
    assertRefused(file, ErrorCode.JOURNAL_DAMAGED);
  }

  @Test
  void isFoldedWhenItGrewAndComesToTheSame() throws Exception {
    for (long seed = 1; seed <= 20; seed++) {
      Path file = filled(seed);
      JournalState before = StageJournal.read(file).orElseThrow();
      try (StageJournal journal = StageJournal.open(file, 0)) {
        assertThat(journal.state().entries()).hasSizeLessThanOrEqualTo(3 * Stage.values().length);
        journal.append(entry(Kind.FAILED, Stage.COPY, Map.of("code", "X".repeat(100_000))));
      }
      JournalState after = StageJournal.read(file).orElseThrow();
      assertThat(after.header()).isEqualTo(before.header());
      for (Stage stage : Stage.values()) {
        assertThat(after.of(stage)).as("seed %s, %s", seed, stage).isEqualTo(before.of(stage));
        assertThat(after.facts(stage)).isEqualTo(before.facts(stage));
      }
      assertThat(after.failure().orElseThrow().facts().get("code")).hasSizeLessThan(10_000);
      Files.delete(file);
    }
  }

  @Test
  void isNeverBegunTwiceAndNeverMadeByOpening() throws Exception {
    Path file = begun();
    assertThatThrownBy(() -> StageJournal.begin(file, header()))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(StageJournal.read(directory.resolve("absent"))).isEmpty();
    assertThatThrownBy(() -> StageJournal.open(directory.resolve("absent")))
        .isInstanceOf(IOException.class);
    assertThat(directory.resolve("absent")).doesNotExist();
  }

  private Path begun() throws IOException, InterruptedException {
    Path file = directory.resolve("journal");
    StageJournal.begin(file, header()).close();
    return file;
  }

  /** A journal with entries of all kinds. */
  private Path filled(long seed) throws IOException, InterruptedException {
    Path file = begun();
    Random random = new Random(seed);
    try (StageJournal journal = StageJournal.open(file)) {
      for (int i = 0; i < 6; i++) {
        Kind kind = any(List.of(Kind.values()), random);
        Stage stage = any(List.of(Stage.values()), random);
        byte[] bytes = new byte[random.nextInt(20)];
        random.nextBytes(bytes);
        String value = new String(bytes, StandardCharsets.ISO_8859_1);
        journal.append(entry(kind, stage, i % 3 == 0 ? Map.of() : Map.of("k" + i % 2, value)));
      }
    }
    return file;
  }

  private static <T> T any(List<T> values, Random random) {
    return values.get(random.nextInt(values.size()));
  }

  private static JournalHeader header() {
    return new JournalHeader(
        new UUID(1, 2),
        new UUID(3, 4),
        NOW,
        MigrationRequest.builder()
            .source(NixStore.ofNixDirectory(Path.of("/nix")))
            .instance(InstanceName.of("one"))
            .storage(SharedStorage.onVhdx(Path.of("/data/disk.vhdx")))
            .build());
  }

  private static JournalEntry entry(Kind kind, Stage stage, Map<String, String> facts) {
    return new JournalEntry(NOW, kind, stage, facts);
  }

  /** Where that line ends, the first one being 1. */
  private static int end(byte[] text, int line) {
    int at = 0;
    for (int seen = 0; seen < line; at++) {
      seen += text[at] == '\n' ? 1 : 0;
    }
    return at;
  }

  private static @Nullable JournalState readOrRefused(Path file) throws IOException {
    try {
      return StageJournal.read(file).orElseThrow();
    } catch (EnvironmentException e) {
      assertThat(e.code()).isIn(REFUSALS);
      return null;
    }
  }

  private static void assertRefused(Path file, ErrorCode code) {
    EnvironmentException e =
        catchThrowableOfType(EnvironmentException.class, () -> StageJournal.read(file));
    assertThat(e).as("refused").isNotNull();
    assertThat(e.code()).as(e.getMessage()).isEqualTo(code);
  }
}
