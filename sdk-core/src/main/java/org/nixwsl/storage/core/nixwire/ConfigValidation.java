package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigCheck.Step;
import org.nixwsl.storage.config.ConfigFinding;
import org.nixwsl.storage.config.ConfigFinding.Basis;
import org.nixwsl.storage.config.ConfigFinding.Rule;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** Looks at one configuration directory in every way that this machine allows. */
final class ConfigValidation {
  /** What Nix prints for a string without anything to escape. */
  private static final Pattern WORDS = Pattern.compile("\"([A-Za-z0-9._= ]*)\"\\s*");

  private final ConfigDirectory directory;
  private final NixTools tools;
  private final Operation operation;
  private final List<Step> steps = new ArrayList<>();
  private final List<ConfigFinding> findings = new ArrayList<>();

  ConfigValidation(ConfigDirectory directory, NixTools tools, Operation operation) {
    this.directory = directory;
    this.tools = tools;
    this.operation = operation;
  }

  ConfigCheck run() throws IOException, InterruptedException {
    boolean parsed = true;
    boolean imported = false;
    Optional<byte[]> module = directory.readIfThere(directory.module());
    if (module.isPresent()) {
      parsed = parse(NixConfigWriter.MODULE_FILE, module.get());
    }
    for (Path file : directory.nixFiles()) {
      byte[] text = directory.read(file);
      String name = PathBytes.printable(PathBytes.ofName(file));
      parsed &= parse(name, text);
      findings.addAll(ConfigRules.inText(name, text));
      ModuleText moduleText = ModuleText.of(text);
      imported |= moduleText.marked() || moduleText.namedByUser();
    }
    steps.add(new Step("rules on the text of the .nix files", Outcome.PASSED, ""));
    if (module.isPresent() && !imported) {
      findings.add(
          ConfigRules.finding(Rule.MODULE_NOT_IMPORTED, Basis.TEXT, NixConfigWriter.MODULE_FILE));
    }
    rebuild(parsed);
    return new ConfigCheck(steps, findings);
  }

  private void rebuild(boolean parsed) throws IOException, InterruptedException {
    if (!parsed) {
      for (String action : List.of("dry-build", "dry-activate")) {
        steps.add(new Step("nixos-rebuild " + action, Outcome.NOT_RUN, "a file does not parse"));
      }
    } else {
      Step build = tools.rebuild("dry-build", directory, operation);
      steps.add(build);
      if (build.outcome() != Outcome.PASSED) {
        steps.add(
            new Step("nixos-rebuild dry-activate", Outcome.NOT_RUN, "dry-build did not pass"));
      } else if (!Caller.isRoot()) {
        steps.add(new Step("nixos-rebuild dry-activate", Outcome.NOT_RUN, "it needs root"));
      } else {
        steps.add(tools.rebuild("dry-activate", directory, operation));
      }
      if (build.outcome() == Outcome.PASSED) {
        evaluate();
        return;
      }
    }
    notEvaluated("dry-build did not pass");
  }

  private void evaluate() throws IOException, InterruptedException {
    if (directory.isFlake()) {
      notEvaluated("a flake says only to nixos-rebuild which of its systems is meant");
      return;
    }
    ProcessRunner.Result result =
        tools.evaluate(ConfigRules.EXPRESSION, directory.configuration(), operation);
    Matcher words = WORDS.matcher(result.text());
    if (result.exitCode() != 0 || !words.matches()) {
      steps.add(new Step(EVALUATED, Outcome.FAILED, result.allText().strip()));
      return;
    }
    findings.addAll(ConfigRules.evaluated(words.group(1)));
    steps.add(new Step(EVALUATED, Outcome.PASSED, ""));
  }

  private static final String EVALUATED = "rules on the evaluated configuration";

  private void notEvaluated(String why) {
    steps.add(new Step(EVALUATED, Outcome.NOT_RUN, why));
  }

  private boolean parse(String name, byte[] text) throws IOException, InterruptedException {
    Step step = tools.parse(name, text, operation);
    steps.add(step);
    return step.outcome() == Outcome.PASSED;
  }
}
