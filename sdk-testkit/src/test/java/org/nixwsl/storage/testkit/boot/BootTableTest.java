package org.nixwsl.storage.testkit.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.nix.NixProgram;

/**
 * What an instance boots from, decided by a real systemd behind our hook: one row for each state of
 * disk and instance. {@code ./dev test boot} prints the table of all rows. Its first column names
 * the invariants of the hook; they are in docs/development.md.
 */
@Tag("once")
class BootTableTest {
  /** Rows mostly wait for systemd and Docker. */
  private static final int MACHINES = 2;

  /** A part of the table. */
  private interface Rows {
    void run(BootMachine machine, BootTable table) throws Exception;
  }

  /** A few rows for the normal run: one of each kind. */
  @Test
  void theRightSystemBootsInTheCommonRows() throws Exception {
    run(
        List.of(
            (machine, table) -> {
              new DiskRows(machine, table).common();
              new SwitchRows(machine, table).common();
            },
            (machine, table) -> new ShareRows(machine, table).lease()));
  }

  @Test
  @Tag("long")
  void theRightSystemBootsInEveryRow() throws Exception {
    List<BootTable> tables =
        run(
            List.of(
                (machine, table) -> new DiskRows(machine, table).common(),
                (machine, table) -> new DiskRows(machine, table).damaged(),
                (machine, table) -> new DiskRows(machine, table).fullAndReadOnly(),
                (machine, table) -> new ShareRows(machine, table).late(),
                (machine, table) -> new ShareRows(machine, table).elsewhere(),
                (machine, table) -> new ShareRows(machine, table).lease(),
                (machine, table) -> new ShareRows(machine, table).owners(),
                (machine, table) -> new ShareRows(machine, table).shutdowns(),
                (machine, table) -> new SwitchRows(machine, table).common(),
                (machine, table) -> new SwitchRows(machine, table).actions(),
                (machine, table) -> new SwitchRows(machine, table).rescues(),
                (machine, table) -> new SwitchRows(machine, table).oldGeneration(),
                (machine, table) -> new SwitchRows(machine, table).twentyBoots(),
                (machine, table) -> new RestoreRows(machine, table).disks(),
                (machine, table) -> new RestoreRows(machine, table).roots(),
                (machine, table) -> new RestoreRows(machine, table).fullRoots(),
                (machine, table) -> new KillRows(machine, table).atAnyMoment(),
                (machine, table) -> new KillRows(machine, table).inASwitch(),
                (machine, table) -> new KillRows(machine, table).inABoot()));
    assertThat(tables.stream().flatMap(table -> table.invariants().stream()).distinct())
        .containsExactlyInAnyOrder(
            "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11");
  }

  private static List<BootTable> run(List<Rows> parts) throws Exception {
    var why = NixContainer.whyUnavailable();
    assumeTrue(why.isEmpty(), why.orElse(""));
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    assumeTrue("root".equals(System.getProperty("user.name")), "skipped: root is missing");
    List<BootTable> tables = new ArrayList<>();
    List<Throwable> broken = new ArrayList<>();
    ExecutorService threads = Executors.newFixedThreadPool(MACHINES);
    try (BootImage image = new BootImage()) {
      List<Future<?>> running = new ArrayList<>();
      for (Rows part : parts) {
        BootTable table = new BootTable();
        tables.add(table);
        running.add(
            threads.submit(
                () -> {
                  try (BootMachine machine = new BootMachine(image)) {
                    part.run(machine, table);
                  }
                  return null;
                }));
      }
      for (Future<?> part : running) {
        try {
          part.get();
        } catch (ExecutionException e) {
          broken.add(e.getCause());
        }
      }
    } finally {
      threads.shutdown();
      System.out.println(BootTable.header());
      tables.forEach(System.out::println);
    }
    assertThat(broken).isEmpty();
    assertThat(tables).flatMap(BootTable::deviations).isEmpty();
    return tables;
  }
}
