package org.nixwsl.storage.testkit.wsl.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.command.FaultPlan.Fault;
import org.nixwsl.storage.testkit.wsl.model.Devices;
import org.nixwsl.storage.testkit.wsl.model.Guests;
import org.nixwsl.storage.testkit.wsl.model.WslFailure;
import org.nixwsl.storage.testkit.wsl.model.WslMachine;

/**
 * wsl.exe: the grammar of its command line, its exit codes and its output, over a machine. What the
 * grammar allows beyond the verbs of the SDK is not here and is a usage error. Not thread-safe.
 */
public final class WslCommand {
  /** wsl.exe takes these from a Linux program for errors of its own (lxinitshared.h). */
  private static final int NO_SUCH_USER = 67;

  private static final int TOO_MANY_TERMINALS = 87;

  private final WslMachine machine;
  private final Guests guests;
  private final FaultPlan faults;

  /** A command over a machine, the inside of its instances, and what is to go wrong. */
  public WslCommand(WslMachine machine, Guests guests, FaultPlan faults) {
    this.machine = machine;
    this.guests = guests;
    this.faults = faults;
  }

  /** Makes one call, to its end. */
  public WslOutput run(WslCall call) throws IOException, InterruptedException {
    Begun begun = begin(call);
    if (begun.launch().isEmpty()) {
      return begun.output();
    }
    try (Launch launch = begun.launch().get()) {
      return end(launch, launch.await());
    }
  }

  /**
   * What a call has come to when all is done that nobody else may come between.
   *
   * @param launch the program that runs, if it launched one
   * @param output of wsl.exe itself, so far
   */
  record Begun(Optional<Launch> launch, WslOutput output) {}

  /** Makes a call up to the start of a program in an instance, which is to be awaited. */
  Begun begin(WslCall given) throws IOException, InterruptedException {
    String verb = verb(given.arguments());
    Optional<Fault> fault = faults.meet(verb);
    if (fault.isPresent() && !fault.get().afterwards()) {
      return new Begun(Optional.empty(), failing(given, console(given), fault.get()));
    }
    // What is to be lost or cut must not have been passed on before.
    WslCall call = fault.isPresent() ? given.keepingOutput() : given;
    Console console = console(call);
    Begun begun;
    try {
      begun = launchOrManage(call, console, fault);
    } catch (WslFailure e) {
      console.failed(e);
      begun = new Begun(Optional.empty(), console.ended(-1));
    }
    return fault.isEmpty() || begun.launch().isPresent()
        ? begun
        : new Begun(Optional.empty(), failing(call, console, fault.get()));
  }

  /** Ends a call whose program has ended, on a machine that may have changed since. */
  WslOutput end(Launch launch, int status) {
    boolean taken = !machine.clientEnds(launch.instance(), launch.client());
    int exit = taken ? Launch.UNKNOWN_STATUS : status;
    if (exit == NO_SUCH_USER || exit == TOO_MANY_TERMINALS) {
      launch.console().failed(exited(exit));
      exit = -1;
    }
    return launch.fault().isPresent()
        ? failing(launch.call(), launch.console(), launch.fault().get())
        : launch.console().ended(exit);
  }

  private Console console(WslCall call) {
    return new Console(machine.release(), machine.language(), call.utf8());
  }

  private WslOutput failing(WslCall call, Console worked, Fault fault) {
    Console console = console(call);
    switch (fault.kind()) {
      case FAIL -> console.failed(new WslFailure(fault.code()));
      case HALF_LINE -> {
        worked.halve();
        return worked.ended(-1);
      }
      case HANG -> {
        return console.output(WslOutput.Ending.HANGS, -1);
      }
      case DIE -> {
        return console.output(WslOutput.Ending.DIED, -1);
      }
    }
    return console.ended(-1);
  }

  /** The verb of a line, for the plan of faults. */
  private static String verb(List<String> line) {
    for (int i = 0; i < line.size(); i++) {
      String word = line.get(i);
      switch (word) {
        case "-d", "--distribution", "-u", "--user", "--cd" -> i++;
        case "~" -> {
          continue;
        }
        case "-l" -> {
          return "--list";
        }
        case "-v" -> {
          return "--version";
        }
        case "-t" -> {
          return "--terminate";
        }
        default -> {
          return word.startsWith("--") && !word.equals("--") ? word : "--exec";
        }
      }
    }
    return "--exec";
  }

  /** Left to right: launch options are used up, the first verb takes the rest of the line. */
  private Begun launchOrManage(WslCall call, Console console, Optional<Fault> fault)
      throws WslFailure, IOException, InterruptedException {
    List<String> line = call.arguments();
    String distribution = "";
    String user = "root";
    for (int i = 0; i < line.size(); i++) {
      String word = line.get(i);
      List<String> rest = line.subList(i + 1, line.size());
      switch (word) {
        case "-d", "--distribution", "-u", "--user", "--cd" -> {
          if (rest.isEmpty() || (word.matches("-d|--d.*") && !distribution.isEmpty())) {
            throw new WslFailure("Wsl/E_INVALIDARG");
          }
          if (word.matches("-d|--d.*")) {
            distribution = machine.resolve(rest.get(0));
          } else if (word.matches("-u|--u.*")) {
            user = rest.get(0);
          }
          i++;
        }
        case "~" -> {
          continue;
        }
        case "-e", "--exec" -> {
          if (rest.isEmpty()) {
            throw new WslFailure("Wsl/E_INVALIDARG");
          }
          return launch(distribution, user, rest, call, console, fault);
        }
        case "--" -> {
          return launch(distribution, user, shell(rest), call, console, fault);
        }
        default -> {
          return word.startsWith("-")
              ? manage(word, rest, call, console)
              : launch(
                  distribution, user, shell(line.subList(i, line.size())), call, console, fault);
        }
      }
    }
    return launch(distribution, user, List.of("/bin/sh"), call, console, fault);
  }

  private static List<String> shell(List<String> rest) {
    return List.of("/bin/sh", "-c", String.join(" ", rest));
  }

  private Begun launch(
      String distribution,
      String user,
      List<String> argv,
      WslCall call,
      Console console,
      Optional<Fault> fault)
      throws WslFailure, IOException, InterruptedException {
    String name = machine.resolve(distribution);
    machine.start(name);
    if (!user.equals("root") && !user.equals("nixos")) {
      throw exited(NO_SUCH_USER);
    }
    Guests.Program program = guests.start(name, argv, call.streams(console));
    String client = guests.newClient();
    machine.clientStarts(name, client);
    Launch launch = new Launch(call, name, client, program, console, fault);
    return new Begun(Optional.of(launch), console.ended(0));
  }

  private static WslFailure exited(int status) {
    return new WslFailure(
        "Wsl/Service/CreateInstance/"
            + (status == NO_SUCH_USER ? "WSL_E_USER_NOT_FOUND" : "WSL_E_TTY_LIMIT"));
  }

  private Begun manage(String verb, List<String> rest, WslCall call, Console console)
      throws WslFailure, IOException, InterruptedException {
    InstanceVerbs instances = new InstanceVerbs(machine, console, call.directory());
    int exit =
        switch (verb) {
          case "--mount" -> mount(rest, call.directory(), console);
          case "--unmount" -> unmount(String.join(" ", rest), call.directory(), console);
          case "--list", "-l" -> instances.list(rest);
          case "--terminate", "-t" -> instances.terminate(rest);
          case "--unregister" -> instances.unregister(rest);
          case "--set-default", "-s" -> instances.setDefault(rest);
          case "--export" -> instances.export(rest);
          case "--import" -> instances.importFrom(rest, call.whole().input());
          case "--import-in-place" -> instances.importInPlace(rest);
          case "--manage" -> instances.manage(rest);
          case "--shutdown" -> shutdown(rest);
          case "--version", "-v" -> version(console);
          case "--status" -> status(console);
          default -> throw Arguments.usage();
        };
    return new Begun(Optional.empty(), console.ended(exit));
  }

  private int shutdown(List<String> rest) throws WslFailure, IOException, InterruptedException {
    Arguments.parse(rest, "", "--force").words(0);
    machine.shutdown();
    return 0;
  }

  private int version(Console console) {
    console.line(console.words("version") + machine.release().number());
    console.line(console.words("kernel") + "6.6.87.2-1");
    return 0;
  }

  private int status(Console console) {
    machine.instances().stream()
        .filter(WslMachine.Row::isDefault)
        .forEach(row -> console.say("status", row.name()));
    console.say("statusVersion", "2");
    return 0;
  }

  private int mount(List<String> rest, Path directory, Console console)
      throws WslFailure, IOException, InterruptedException {
    Arguments arguments =
        Arguments.parse(rest, "--name=-n --type=-t --options=-o --partition=-p", "--vhd --bare");
    String path = arguments.words(1).get(0);
    boolean vhd = arguments.has("--vhd");
    if (vhd) {
      Path file = directory.resolve(path);
      if (!Files.exists(file)) {
        throw new WslFailure("Wsl/ERROR_FILE_NOT_FOUND");
      }
      path = file.toRealPath().toString();
    }
    int partition = prefixNumber(arguments.value("--partition", "0"));
    boolean bare = arguments.has("--bare");
    try {
      machine.attach(path, !vhd);
    } catch (WslFailure e) {
      if (bare || !e.symbol().endsWith("ALREADY_ATTACHED")) {
        throw e;
      }
    }
    if (bare) {
      console.say("done");
      return 0;
    }
    boolean named = arguments.has("--name");
    String name = arguments.value("--name", "");
    Devices.Outcome outcome =
        machine.mount(
            path,
            partition,
            named,
            name,
            arguments.value("--type", ""),
            arguments.value("--options", ""));
    if (!outcome.ok()) {
      console.say("notMounted", outcome.result(), outcome.step());
      return 1;
    }
    console.say("mounted", "/mnt/wsl/" + WslMachine.mountName(path, partition, named, name), path);
    return 0;
  }

  /** As {@code wcstoul}: the digits at the beginning, or 0. */
  private static int prefixNumber(String text) {
    int end = 0;
    while (end < text.length() && end < 9 && Character.isDigit(text.charAt(end))) {
      end++;
    }
    return end == 0 ? 0 : Integer.parseInt(text.substring(0, end));
  }

  private int unmount(String path, Path directory, Console console)
      throws WslFailure, IOException, InterruptedException {
    Devices.Outcome outcome;
    if (path.isEmpty()) {
      outcome = machine.detachAll();
    } else {
      outcome = detach(path, directory);
    }
    if (!outcome.ok()) {
      console.say("notUnmounted", outcome.result(), outcome.step());
      return -1;
    }
    console.say("done");
    return 0;
  }

  /** The path as it was spelled, then its final form; the latter for every path since 2.7.2. */
  private Devices.Outcome detach(String path, Path directory)
      throws WslFailure, IOException, InterruptedException {
    List<String> spellings = new ArrayList<>(List.of(path));
    Path file = directory.resolve(path);
    boolean again = !Path.of(path).isAbsolute() || machine.release().triesFinalPath();
    if (again && Files.exists(file)) {
      spellings.add(file.toRealPath().toString());
    }
    WslFailure failure = new WslFailure("Wsl/Service/DetachDisk/ERROR_FILE_NOT_FOUND");
    for (String spelling : spellings) {
      try {
        return machine.detach(spelling);
      } catch (WslFailure e) {
        if (!e.symbol().equals("ERROR_FILE_NOT_FOUND")) {
          throw e;
        }
        failure = e;
      }
    }
    throw failure;
  }
}
