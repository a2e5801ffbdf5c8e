package org.nixwsl.storage.core.guest;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.StoreHost.Measure;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.IntegrityException;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyLevel;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/**
 * Our values as the fields of a message and back. What is missing or of another type is an {@link
 * IllegalArgumentException}: both sides are of one version, so it means a damaged stream. Lists
 * that grow with the store do not travel in here: see {@link Parts}.
 */
final class GuestWire {
  /** Changes when a message changes its meaning. */
  static final int PROTOCOL = 1;

  private GuestWire() {}

  /** The lists of a report, which travel one entry a message, before the rest. */
  static final class Parts {
    final List<StoreFinding> findings = new ArrayList<>();
    final List<String> leftOut = new ArrayList<>();
    final List<String> notes = new ArrayList<>();

    void add(Map<String, Object> part) {
      if (part.containsKey("finding")) {
        findings.add(finding(map(part, "finding")));
      } else if (part.containsKey("leftOut")) {
        leftOut.add(text(part, "leftOut"));
      } else {
        notes.add(text(part, "note"));
      }
    }
  }

  // --- Requests

  static Map<String, Object> store(NixStore store) {
    return object("directory", path(store.directory()));
  }

  static NixStore store(Map<String, Object> fields) {
    return new NixStore(path(text(fields, "directory")));
  }

  static Map<String, Object> copyRequest(CopyRequest request) {
    Map<String, Object> fields =
        object(
            "source",
            store(request.source()),
            "target",
            store(request.target()),
            "reread",
            request.reread(),
            "copyExtendedAttributes",
            request.copyExtendedAttributes(),
            "update",
            request.update(),
            "paranoid",
            request.paranoid());
    request.threads().ifPresent(threads -> fields.put("threads", threads));
    request.linkIdenticalFrom().ifPresent(other -> fields.put("linkIdenticalFrom", store(other)));
    return fields;
  }

  static CopyRequest copyRequest(Map<String, Object> fields) {
    CopyRequest.Builder request =
        CopyRequest.builder()
            .source(store(map(fields, "source")))
            .target(store(map(fields, "target")))
            .reread(flag(fields, "reread"))
            .copyExtendedAttributes(flag(fields, "copyExtendedAttributes"))
            .update(flag(fields, "update"))
            .paranoid(flag(fields, "paranoid"));
    threads(fields).ifPresent(request::threads);
    if (fields.containsKey("linkIdenticalFrom")) {
      request.linkIdenticalFrom(store(map(fields, "linkIdenticalFrom")));
    }
    return request.build();
  }

  static Map<String, Object> verifyRequest(VerifyRequest request) {
    Map<String, Object> fields =
        object("store", store(request.store()), "level", request.level().name());
    request.threads().ifPresent(threads -> fields.put("threads", threads));
    return fields;
  }

  static VerifyRequest verifyRequest(Map<String, Object> fields) {
    VerifyRequest.Builder request =
        VerifyRequest.builder()
            .store(store(map(fields, "store")))
            .level(VerifyLevel.valueOf(text(fields, "level")));
    threads(fields).ifPresent(request::threads);
    return request.build();
  }

  private static OptionalInt threads(Map<String, Object> fields) {
    return fields.containsKey("threads")
        ? OptionalInt.of(Math.toIntExact(number(fields, "threads")))
        : OptionalInt.empty();
  }

  // --- Results

  static Map<String, Object> measure(Measure measure) {
    return object(
        "paths",
        measure.paths(),
        "narBytes",
        measure.narBytes(),
        "inodes",
        measure.inodes(),
        "diskBytes",
        measure.diskBytes());
  }

  static Measure measure(Map<String, Object> fields) {
    return new Measure(
        number(fields, "paths"),
        number(fields, "narBytes"),
        number(fields, "inodes"),
        number(fields, "diskBytes"));
  }

  static Map<String, Object> copyReport(CopyReport report) {
    return object(
        "paths",
        report.paths(),
        "files",
        report.files(),
        "inodes",
        report.inodes(),
        "bytes",
        report.bytes().bytes(),
        "nanos",
        report.duration().toNanos(),
        "rereadNanos",
        report.reread().toNanos());
  }

  static CopyReport copyReport(Map<String, Object> fields, Parts parts) {
    return new CopyReport(
        number(fields, "paths"),
        number(fields, "files"),
        number(fields, "inodes"),
        ByteSize.ofBytes(number(fields, "bytes")),
        Duration.ofNanos(number(fields, "nanos")),
        Duration.ofNanos(number(fields, "rereadNanos")),
        parts.findings,
        parts.leftOut,
        parts.notes);
  }

  static Map<String, Object> verifyReport(VerifyReport report) {
    return object(
        "level",
        report.level().name(),
        "paths",
        report.paths(),
        "bytes",
        report.bytes().bytes(),
        "nanos",
        report.duration().toNanos());
  }

  static VerifyReport verifyReport(Map<String, Object> fields, Parts parts) {
    return new VerifyReport(
        VerifyLevel.valueOf(text(fields, "level")),
        number(fields, "paths"),
        ByteSize.ofBytes(number(fields, "bytes")),
        Duration.ofNanos(number(fields, "nanos")),
        parts.findings,
        parts.notes);
  }

  static Map<String, Object> finding(StoreFinding finding) {
    return object(
        "path", finding.path(), "verdict", finding.verdict().name(), "detail", finding.detail());
  }

  static StoreFinding finding(Map<String, Object> fields) {
    return new StoreFinding(
        text(fields, "path"), Verdict.valueOf(text(fields, "verdict")), text(fields, "detail"));
  }

  // --- Errors

  static Map<String, Object> problem(Problem problem) {
    return object(
        "code",
        problem.code().name(),
        "message",
        problem.message(),
        "remedy",
        problem.remedy(),
        "retryable",
        problem.retryable(),
        "stateLeft",
        problem.stateLeft().name());
  }

  static Problem problem(Map<String, Object> fields) {
    return new Problem(
        ErrorCode.valueOf(text(fields, "code")),
        text(fields, "message"),
        text(fields, "remedy"),
        flag(fields, "retryable"),
        StateLeft.valueOf(text(fields, "stateLeft")));
  }

  static Map<String, Object> problems(List<Problem> problems) {
    return object("problems", problems.stream().map(GuestWire::problem).toList());
  }

  static List<Problem> problems(Map<String, Object> fields) {
    return maps(fields, "problems").stream().map(GuestWire::problem).toList();
  }

  /** The findings of an {@link IntegrityException} travel before, as parts. */
  static Map<String, Object> error(StorageSdkException error) {
    Map<String, Object> fields = problem(error.problem());
    fields.put("family", error.getClass().getSimpleName());
    if (error instanceof CommandException command) {
      fields.put("command", command.command());
      fields.put("exitCode", command.exitCode());
      fields.put("output", command.output());
    }
    return fields;
  }

  static StorageSdkException error(Map<String, Object> fields, Parts parts) {
    Problem problem = problem(fields);
    String family = text(fields, "family");
    return switch (family) {
      case "CommandException" ->
          new CommandException(
              problem,
              strings(fields, "command"),
              Math.toIntExact(number(fields, "exitCode")),
              text(fields, "output"));
      case "ConflictException" -> new ConflictException(problem);
      case "DiskException" -> new DiskException(problem);
      case "EnvironmentException" -> new EnvironmentException(problem);
      case "IntegrityException" -> new IntegrityException(problem, parts.findings);
      case "OperationCancelledException" -> new OperationCancelledException(problem);
      default -> throw new IllegalArgumentException("No such kind of error: " + family);
    };
  }

  // --- Fields

  /** A map of names and values that follow each other, in that order. */
  static Map<String, Object> object(Object... namesAndValues) {
    Map<String, Object> object = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      object.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return object;
  }

  static String text(Map<String, Object> fields, String name) {
    return field(fields, name, String.class);
  }

  static long number(Map<String, Object> fields, String name) {
    return field(fields, name, Number.class).longValue();
  }

  static boolean flag(Map<String, Object> fields, String name) {
    return field(fields, name, Boolean.class);
  }

  static Optional<String> optionalText(Map<String, Object> fields, String name) {
    return fields.containsKey(name) ? Optional.of(text(fields, name)) : Optional.empty();
  }

  static List<String> strings(Map<String, Object> fields, String name) {
    return list(fields, name).stream().map(String::valueOf).toList();
  }

  /** A list of objects. */
  @SuppressWarnings("unchecked") // the parser makes no other maps
  static List<Map<String, Object>> maps(Map<String, Object> fields, String name) {
    List<Map<String, Object>> maps = new ArrayList<>();
    for (Object entry : list(fields, name)) {
      if (!(entry instanceof Map<?, ?> map)) {
        throw new IllegalArgumentException("Not an object in " + name + ": " + entry);
      }
      maps.add((Map<String, Object>) map);
    }
    return maps;
  }

  private static List<?> list(Map<String, Object> fields, String name) {
    return field(fields, name, List.class);
  }

  @SuppressWarnings("unchecked") // the parser makes no other maps
  static Map<String, Object> map(Map<String, Object> fields, String name) {
    return (Map<String, Object>) field(fields, name, Map.class);
  }

  private static <T> T field(Map<String, Object> fields, String name, Class<T> type) {
    @Nullable Object value = fields.get(name);
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException("No " + name + " in a message: " + fields.keySet());
    }
    return type.cast(value);
  }

  // --- Paths

  /**
   * The bytes of a path inside the guest. A Windows host writes such a path as {@code
   * Path.of("/nix")}, which Windows completes with a drive and shows with backslashes: both go.
   */
  static String path(Path path) {
    return Base64.getEncoder().encodeToString(PathBytes.inInstance(path));
  }

  static Path path(String encoded) {
    return PathBytes.toAbsolutePath(Base64.getDecoder().decode(encoded));
  }
}
