package org.nixwsl.storage.testkit.wsl.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.vhdx.VhdxEngine;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.testkit.wsl.model.DiskContents;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/** The verbs that are about instances and their files. */
final class InstanceVerbs {
  /** The end of a tar archive is two blocks of zeros; an instance in memory has no files. */
  private static final int EMPTY_ARCHIVE = 1024;

  private static final Pattern SIZE = Pattern.compile("([0-9]{1,12})(B|KB?|MB?|GB?|TB?)?");

  private final WslMachine machine;
  private final Console console;
  private final Path directory;

  InstanceVerbs(WslMachine machine, Console console, Path directory) {
    this.machine = machine;
    this.console = console;
    this.directory = directory;
  }

  int list(List<String> rest) throws WslFailure {
    Arguments a = Arguments.parse(rest, "", "--all --running --quiet=-q --verbose=-v --online=-o");
    a.words(0);
    boolean quiet = a.has("--quiet");
    boolean verbose = a.has("--verbose");
    if ((quiet && verbose) || (a.has("--all") && a.has("--running")) || a.has("--online")) {
      throw Arguments.usage();
    }
    List<WslMachine.Row> all = machine.instances();
    List<WslMachine.Row> rows =
        all.stream()
            .filter(row -> !a.has("--running") || row.state().equals("Running"))
            .filter(row -> verbose || a.has("--all") || !row.state().equals("Exporting"))
            .toList();
    if (all.isEmpty() && !quiet) {
      throw new WslFailure("Wsl/WSL_E_DEFAULT_DISTRO_NOT_FOUND");
    }
    if (rows.isEmpty() && a.has("--running") && !quiet) {
      console.say("noneRuns");
      return -1;
    }
    if (quiet) {
      rows.forEach(row -> console.line(row.name()));
    } else if (verbose) {
      int width = 4 + rows.stream().mapToInt(row -> row.name().length()).max().orElse(0);
      String form = "%s %-" + width + "s%-16s%s";
      console.line(String.format(Locale.ROOT, form, " ", "NAME", "STATE", "VERSION"));
      for (WslMachine.Row row : rows) {
        String mark = row.isDefault() ? "*" : " ";
        console.line(
            String.format(Locale.ROOT, form, mark, row.name(), row.state(), row.version()));
      }
    } else {
      console.say("list");
      rows.forEach(
          row -> console.line(row.name() + (row.isDefault() ? console.words("default") : "")));
    }
    return 0;
  }

  int terminate(List<String> rest) throws WslFailure, IOException, InterruptedException {
    machine.terminate(Arguments.parse(rest, "", "").words(1).get(0));
    console.say("done");
    return 0;
  }

  int unregister(List<String> rest) throws WslFailure, IOException, InterruptedException {
    String name = Arguments.parse(rest, "", "").words(1).get(0);
    Path file = Path.of(row(name).vhd());
    machine.unregister(name);
    Files.deleteIfExists(file);
    console.say("done");
    return 0;
  }

  int setDefault(List<String> rest) throws WslFailure {
    machine.makeDefault(Arguments.parse(rest, "", "").words(1).get(0));
    console.say("done");
    return 0;
  }

  int export(List<String> rest) throws WslFailure, IOException, InterruptedException {
    Arguments a = Arguments.parse(rest, "--format", "--vhd");
    List<String> words = a.words(2);
    String format = a.value("--format", a.has("--vhd") ? "vhd" : "tar");
    if (!List.of("tar", "tar.gz", "tar.xz", "vhd").contains(format)) {
      throw new WslFailure("Wsl/E_INVALIDARG");
    }
    if (a.has("--vhd") && !format.equals("vhd")) {
      throw Arguments.usage();
    }
    Path source = machine.diskForExport(words.get(0));
    boolean vhd = format.equals("vhd");
    if (vhd && row(words.get(0)).version() != 2) {
      throw new WslFailure("Wsl/Service/WSL_E_WSL2_NEEDED");
    }
    if (vhd && machine.inVm(source)) {
      throw new WslFailure("Wsl/Service/ERROR_SHARING_VIOLATION");
    }
    if (words.get(1).equals("-")) {
      console.raw(vhd ? Files.readAllBytes(source) : new byte[EMPTY_ARCHIVE]);
      return 0;
    }
    Path target = directory.resolve(words.get(1));
    if (vhd
        && machine.release().comparesExtensions()
        && !extension(source).equals(extension(target))) {
      throw new WslFailure("Wsl/Service/WSL_E_EXPORT_FAILED");
    }
    if (vhd) {
      Files.copy(source, target, StandardCopyOption.REPLACE_EXISTING);
    } else {
      Files.write(target, new byte[EMPTY_ARCHIVE]);
    }
    console.say("done");
    return 0;
  }

  int importFrom(List<String> rest, byte[] input)
      throws WslFailure, IOException, InterruptedException {
    Arguments a = Arguments.parse(rest, "--version", "--vhd");
    List<String> words = a.words(3);
    String version = a.value("--version", "2");
    if (!version.matches("[12]")) {
      throw new WslFailure("Wsl/E_INVALIDARG");
    }
    boolean vhd = a.has("--vhd");
    if (!vhd && isDisk(words.get(2))) {
      console.say("fileIsDisk");
      return -1;
    }
    boolean piped = words.get(2).equals("-");
    Path source = directory.resolve(words.get(2));
    if (!piped && !Files.exists(source)) {
      throw new WslFailure("Wsl/ERROR_FILE_NOT_FOUND");
    }
    Path folder = directory.resolve(words.get(1));
    boolean made = Files.notExists(folder);
    if (made) {
      Files.createDirectory(folder);
    }
    Path disk = folder.toRealPath().resolve("ext4.vhdx");
    try {
      if (vhd && piped) {
        Files.write(disk, input);
      } else if (vhd) {
        Files.copy(source, disk);
      } else {
        new VhdxEngine().create(disk, DiskSpec.ofSize(ByteSize.gibibytes(1)));
        machine.format(disk, 0, "ext4", UUID.randomUUID());
      }
      machine.register(words.get(0), Integer.parseInt(version), disk);
    } catch (WslFailure e) {
      Files.deleteIfExists(disk);
      if (made) {
        Files.delete(folder);
      }
      throw e;
    }
    console.say("done");
    return 0;
  }

  int importInPlace(List<String> rest) throws WslFailure, IOException {
    List<String> words = Arguments.parse(rest, "", "").words(2);
    Path file = directory.resolve(words.get(1));
    if (!Files.exists(file)) {
      throw new WslFailure("Wsl/ERROR_FILE_NOT_FOUND");
    }
    if (!isDisk(words.get(1)) || !DiskContents.of(file).volumes().get(0).type().equals("ext4")) {
      throw new WslFailure("Wsl/Service/RegisterDistro/WSL_E_IMPORT_FAILED");
    }
    machine.register(words.get(0), 2, file.toRealPath());
    console.say("done");
    return 0;
  }

  int manage(List<String> rest) throws WslFailure, IOException, InterruptedException {
    Arguments a =
        Arguments.parse(
            rest, "--move=-m --resize=-r --set-sparse=-s --set-default-user", "--allow-unsafe");
    String name = a.words(1).get(0);
    if (a.count("--move", "--resize", "--set-sparse", "--set-default-user") != 1) {
      throw Arguments.usage();
    }
    Optional<String> move = a.value("--move");
    Optional<String> resize = a.value("--resize");
    Optional<String> sparse = a.value("--set-sparse");
    if (move.isPresent()) {
      machine.move(name, directory.resolve(move.get()));
    } else if (resize.isPresent()) {
      resize(name, resize.get());
    } else if (sparse.isPresent()) {
      sparse(name, sparse.get(), a.has("--allow-unsafe"));
    } else {
      machine.resolve(name);
    }
    console.say("done");
    return 0;
  }

  private void resize(String name, String text)
      throws WslFailure, IOException, InterruptedException {
    machine.resize(name, size(text).orElseThrow(() -> new WslFailure("Wsl/E_INVALIDARG")));
  }

  private void sparse(String name, String value, boolean allowUnsafe) throws WslFailure {
    if (!value.matches("true|false|1|0")) {
      throw new WslFailure("Wsl/E_INVALIDARG");
    }
    machine.stoppedDisk(name, false);
    if (value.matches("true|1") && !allowUnsafe) {
      throw new WslFailure("Wsl/Service/E_INVALIDARG");
    }
  }

  private WslMachine.Row row(String name) throws WslFailure {
    String own = machine.resolve(name);
    return machine.instances().stream()
        .filter(row -> row.name().equals(own))
        .findFirst()
        .orElseThrow();
  }

  private static boolean isDisk(String file) {
    return extension(Path.of(file)).matches("\\.vhdx?");
  }

  private static String extension(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot < 0 ? "" : name.substring(dot).toLowerCase(Locale.ROOT);
  }

  /** The size in a text of {@code --resize}; empty if it is none. */
  private static Optional<Long> size(String text) {
    Matcher m = SIZE.matcher(text);
    if (!m.matches()) {
      return Optional.empty();
    }
    String unit = m.group(2) == null ? "B" : m.group(2).toUpperCase(Locale.ROOT);
    int power = "BKMGT".indexOf(unit.charAt(0));
    return Optional.of(Long.parseLong(m.group(1)) << (10 * power));
  }
}
