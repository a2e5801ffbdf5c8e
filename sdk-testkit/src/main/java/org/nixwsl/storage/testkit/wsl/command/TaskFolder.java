package org.nixwsl.storage.testkit.wsl.command;

import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * The task scheduler of a simulated machine, and the program {@code schtasks} for it: tasks are XML
 * files in the folder {@code tasks}, as Windows keeps them. A task that runs has ended when the
 * call ends. Messages are in English. Not thread-safe.
 */
public final class TaskFolder {
  private static final String NOT_FOUND = "ERROR: The system cannot find the file specified.";

  private final Path tasks;

  /** The tasks of a machine. */
  public TaskFolder(Path stateFolder) {
    this.tasks = stateFolder.resolve("tasks");
  }

  /** Arguments: the state folder, then those of schtasks.exe. */
  public static void main(String[] args) throws IOException {
    Said said = new TaskFolder(Path.of(args[0])).run(List.of(args).subList(1, args.length));
    OutputStream out =
        new FileOutputStream(said.exit() == 0 ? FileDescriptor.out : FileDescriptor.err);
    out.write(said.text().getBytes(StandardCharsets.UTF_8));
    out.flush();
    Runtime.getRuntime().halt(said.exit());
  }

  /**
   * What schtasks.exe answers.
   *
   * @param exit 0, or 1 for every failure
   * @param text for standard output, or standard error where it failed
   */
  public record Said(int exit, String text) {}

  /** Makes one call. */
  public Said run(List<String> line) throws IOException {
    Map<String, String> options = options(line);
    Path file = file(options.getOrDefault("/TN", ""));
    if (options.containsKey("/CREATE")) {
      return create(file, options);
    }
    if (options.containsKey("/QUERY") && !options.containsKey("/TN")) {
      StringBuilder rows = new StringBuilder();
      for (String name : names()) {
        rows.append('"').append(name).append("\",\"N/A\",\"Ready\"\r\n");
      }
      return new Said(0, rows.toString());
    }
    if (!Files.exists(file)) {
      return new Said(1, NOT_FOUND + "\r\n");
    }
    if (options.containsKey("/QUERY")) {
      return new Said(
          0,
          options.containsKey("/XML")
              ? text(Files.readAllBytes(file)) + "\r\n"
              : "\"" + name(file) + "\",\"N/A\",\"Ready\"\r\n");
    }
    if (options.containsKey("/DELETE")) {
      Files.delete(file);
      return new Said(0, "SUCCESS: The scheduled task was successfully deleted.\r\n");
    }
    if (options.containsKey("/RUN")) {
      start(file);
      return new Said(0, "SUCCESS: Attempted to run the scheduled task.\r\n");
    }
    return new Said(1, "ERROR: Invalid syntax.\r\n");
  }

  private Said create(Path file, Map<String, String> options) throws IOException {
    Path xml = Path.of(options.getOrDefault("/XML", ""));
    if (!options.containsKey("/TN") || !Files.exists(xml)) {
      return new Said(1, NOT_FOUND + "\r\n");
    }
    if (Files.exists(file) && !options.containsKey("/F")) {
      return new Said(1, "WARNING: The task name already exists. Replace it (Y/N)?\r\n");
    }
    byte[] bytes = Files.readAllBytes(xml);
    try {
      Document task = parse(bytes);
      if (first(task, "RunLevel").equals("HighestAvailable")
          || List.of("S-1-5-18", "SYSTEM").contains(first(task, "UserId"))) {
        return new Said(1, "ERROR: Access is denied.\r\n");
      }
      if (first(task, "Command").isEmpty()) {
        return new Said(1, "ERROR: The task XML is missing a required element.\r\n");
      }
    } catch (SAXException e) {
      return new Said(1, "ERROR: The task XML is malformed.\r\n");
    }
    Files.createDirectories(tasks);
    Files.write(file, bytes);
    return new Said(0, "SUCCESS: The scheduled task has successfully been created.\r\n");
  }

  /**
   * The user logs on: every task that waits for that runs, one after another.
   *
   * @return the names of the tasks that ended well
   */
  public List<String> logOn() throws IOException {
    List<String> ended = new ArrayList<>();
    for (String name : names()) {
      Path file = file(name);
      if (has(file, "LogonTrigger") && start(file) == 0) {
        ended.add(name);
      }
    }
    return ended;
  }

  /** The names of all tasks. */
  public List<String> names() throws IOException {
    if (Files.notExists(tasks)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(tasks)) {
      return files.map(TaskFolder::name).sorted().toList();
    }
  }

  private static boolean has(Path file, String element) throws IOException {
    return parsed(file).getElementsByTagNameNS("*", element).getLength() > 0;
  }

  private static int start(Path file) throws IOException {
    Document task = parsed(file);
    List<String> argv = new ArrayList<>(List.of(first(task, "Command")));
    argv.addAll(words(first(task, "Arguments")));
    return Operation.quiet(
        "run the task " + name(file),
        operation -> new ProcessRunner().run(Command.of(argv), operation).exitCode());
  }

  /**
   * The words of a command line, as {@code CommandLineToArgvW} parts it: quotes keep blanks, and
   * backslashes mean something only before a quote.
   */
  static List<String> words(String line) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    boolean quoted = false;
    boolean open = false;
    for (int i = 0; i < line.length(); i++) {
      int slashes = 0;
      while (i < line.length() && line.charAt(i) == '\\') {
        slashes++;
        i++;
      }
      boolean quote = i < line.length() && line.charAt(i) == '"';
      word.append("\\".repeat(quote ? slashes / 2 : slashes));
      open |= slashes > 0 || quote;
      if (i == line.length()) {
        break;
      }
      char c = line.charAt(i);
      if (quote && slashes % 2 == 1) {
        word.append('"');
      } else if (quote) {
        quoted = !quoted;
      } else if ((c == ' ' || c == '\t') && !quoted) {
        if (open) {
          words.add(word.toString());
          word.setLength(0);
          open = false;
        }
      } else {
        word.append(c);
        open = true;
      }
    }
    if (open) {
      words.add(word.toString());
    }
    return words;
  }

  private static Map<String, String> options(List<String> line) {
    Map<String, String> options = new LinkedHashMap<>();
    String last = "";
    for (String word : line) {
      boolean option =
          word.matches("(?i)/(create|query|delete|run|end|tn|xml|f|fo|nh|v|it|ru|hresult)");
      if (option) {
        last = word.toUpperCase(Locale.ROOT);
        options.put(last, "");
      } else {
        options.put(last, word);
      }
    }
    return options;
  }

  /** The root folder of the scheduler is {@code \}, with it or without. */
  private Path file(String name) {
    String plain = name.startsWith("\\") ? name : "\\" + name;
    return tasks.resolve(URLEncoder.encode(plain.toLowerCase(Locale.ROOT), StandardCharsets.UTF_8));
  }

  private static String name(Path file) {
    return URLDecoder.decode(file.getFileName().toString(), StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    boolean wide = bytes.length > 1 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xfe;
    return new String(bytes, wide ? StandardCharsets.UTF_16 : StandardCharsets.UTF_8);
  }

  private static Document parsed(Path file) throws IOException {
    try {
      return parse(Files.readAllBytes(file));
    } catch (SAXException e) {
      throw new IOException("Not a task: " + file, e);
    }
  }

  private static Document parse(byte[] bytes) throws SAXException, IOException {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setNamespaceAware(true);
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      var builder = factory.newDocumentBuilder();
      builder.setErrorHandler(null);
      return builder.parse(new ByteArrayInputStream(bytes));
    } catch (ParserConfigurationException e) {
      throw new IOException("The XML parser of the JDK cannot be made safe", e);
    }
  }

  private static String first(Document task, String element) {
    NodeList found = task.getElementsByTagNameNS("*", element);
    return found.getLength() == 0 ? "" : found.item(0).getTextContent().strip();
  }
}
