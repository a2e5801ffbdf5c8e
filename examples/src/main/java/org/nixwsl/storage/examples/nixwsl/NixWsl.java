package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.UUID;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.StorageLayout;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The command line of the SDK. Exit status: 0 done or healthy, 1 findings, 2 wrong usage, 3 failed.
 */
@Command(
    name = "nixwsl",
    description = "Keeps the Nix stores of NixOS-WSL instances on one shared disk.",
    mixinStandardHelpOptions = true,
    scope = CommandLine.ScopeType.INHERIT,
    version = "nixwsl 0.1.0",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      VhdxCommand.class,
      StoreCommand.class,
      MigrateCommand.class,
      ConfigCommand.class,
      WslCommand.class,
      DemoCommand.class
    })
public final class NixWsl {
  /** Done, or healthy. */
  static final int OK = 0;

  /** Something is wrong with what was looked at. */
  static final int FINDINGS = 1;

  /** The command line makes no sense. */
  static final int USAGE = 2;

  /** The work could not be done. */
  static final int FAILED = 3;

  /** Made by {@link #main} and by tests. */
  NixWsl() {}

  /** Runs a command and ends the process with its exit status. */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The whole command line, ready to execute; tests give it other writers. */
  static CommandLine commandLine() {
    return new CommandLine(new NixWsl())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .registerConverter(ByteSize.class, checked(ByteSize::parse))
        .registerConverter(Path.class, NixWsl::path)
        .registerConverter(InstanceName.class, setting(InstanceName::of))
        .registerConverter(MountName.class, setting(MountName::of))
        .registerConverter(StorageLayout.class, setting(StorageLayout::parse))
        .registerConverter(DataDirectory.class, setting(DataDirectory::of))
        .registerConverter(UUID.class, setting(NixWsl::uuid))
        .setExecutionExceptionHandler(NixWsl::report);
  }

  /** Tells what failed, in the form that the user asked for, and what to do about it. */
  private static int report(
      Exception failure, CommandLine commandLine, CommandLine.ParseResult parsed) throws Exception {
    if (failure instanceof IllegalArgumentException) {
      commandLine.getErr().println(failure.getMessage());
      return USAGE;
    }
    if (!(failure instanceof StorageSdkException known)) {
      throw failure;
    }
    PrintWriter err = commandLine.getErr();
    CommandLine.ParseResult command = parsed;
    while (command.hasSubcommand()) {
      command = command.subcommand();
    }
    if (command.hasMatchedOption("--json")) {
      err.println(
          Output.json(
              "code", known.code().name(),
              "message", known.problem().message(),
              "remedy", known.remedy(),
              "retryable", known.retryable(),
              "stateLeft", Output.camel(known.stateLeft())));
    } else {
      err.println("error " + known.code() + ": " + known.problem().message());
      err.println("  what to do: " + known.remedy());
      err.println("  state: " + known.stateLeft().sentence());
    }
    err.flush();
    return FAILED;
  }

  /** In the full form only: Java's own reader makes a UUID of {@code 1-2-3-4-5} too. */
  private static UUID uuid(String text) {
    if (!text.matches("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")) {
      throw new IllegalArgumentException("Not a UUID: '" + text + "'");
    }
    return UUID.fromString(text);
  }

  private static Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(
          "'"
              + text
              + "' cannot be a file name in this locale; set LANG to a UTF-8 locale such as C.UTF-8");
    }
  }

  /** A value that gets into files of others: refused with the code that the SDK has for it. */
  private static <T> ITypeConverter<T> setting(ITypeConverter<T> converter) {
    ITypeConverter<T> checked = checked(converter);
    return text -> {
      try {
        return checked.convert(text);
      } catch (TypeConversionException e) {
        throw new TypeConversionException(e.getMessage() + " [" + ErrorCode.BAD_SETTING + "]");
      }
    };
  }

  private static <T> ITypeConverter<T> checked(ITypeConverter<T> converter) {
    return text -> {
      try {
        return converter.convert(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(
            e.getMessage() == null ? text.toLowerCase(Locale.ROOT) : e.getMessage());
      }
    };
  }
}
