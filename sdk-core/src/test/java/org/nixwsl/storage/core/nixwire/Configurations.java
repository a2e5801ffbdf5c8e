package org.nixwsl.storage.core.nixwire;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Random NixOS configurations that are made to confuse an editor. */
final class Configurations {
  private static final String[] BLANKS = {
    " ",
    "\n",
    "\r\n",
    "\t",
    " # imports = [ ./wrong.nix ]; } ''\n",
    " # é ${ \"\r\n",
    " /* imports = [ */ ",
    " /* ** / \" '' ${ { [ ( ***/ ",
    "\n\n  "
  };
  private static final String[] VALUES = {
    "\"imports = [ ./x.nix ];\"",
    "\"a\\\"}; imports = [ \"",
    "\"$${x\" ",
    "\"\\${ imports = [\"",
    "\"a${\"b${toString 1}\"}{\"",
    "\"$\\${\"",
    "''imports = [ ./x ]; # no comment ''",
    "'' '''' ''${ \" imports = [ ''",
    "'' ''\\n $${ ' '$ ''",
    "'' ${''inner ${toString 2} ''} } ''",
    "(let imports = [ 1 ]; in imports)",
    "let a = 1; imports = [ a ]; in { inherit imports; }",
    "{ imports = [ ./inner.nix ]; }",
    "rec { imports = [ ]; b = imports; }",
    "[ { imports = [ ]; } 1.5 (-2) ]",
    "http://example.org/*not-a-comment",
    "./some/path",
    "(x: x.imports or [ ])",
    "({ imports, ... }@args: imports)",
    "with builtins; [ length ]",
    "if true then { a.\"imports\" = [ ]; } else [ ]",
    "{ ${\"x${\"y\"}\"} = 1; }",
    "1 / 2",
    "{ } // { imports = [ 3 ]; }",
    "\"漢字 é \""
  };
  private static final String[] HEADS = {
    "",
    "{ config, pkgs, ... }:",
    "{ pkgs, lib ? { imports = [ ]; }, ... }@args:",
    "args@{ ... }:",
    "args:",
    "{ ... }: let imports = [ 7 ]; x = let y = 1; in y; in",
    "{ ... }: with builtins;",
    "{ ... }: assert true;",
    "{ ... }: let x = 1; in with { inherit x; }; rec"
  };

  private final Random random;

  Configurations(Random random) {
    this.random = random;
  }

  /** One that Nix evaluates and that has one plain list of imports. */
  byte[] next() {
    List<String> attributes = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      String value = VALUES[random.nextInt(VALUES.length)];
      attributes.add("a" + i + blank() + "=" + blank() + value + blank() + ";");
    }
    String elements = "";
    for (int i = random.nextInt(3); i > 0; i--) {
      elements += blank() + "./m" + i + ".nix" + " " + blank();
    }
    String after = random.nextInt(5) == 0 ? blank() + "++ [ ./more.nix ]" : "";
    attributes.add(
        random.nextInt(attributes.size() + 1),
        "imports" + blank() + "=" + blank() + "[" + elements + "]" + after + blank() + ";");
    StringBuilder text = new StringBuilder(blank());
    text.append(HEADS[random.nextInt(HEADS.length)]).append(blank()).append("{");
    attributes.forEach(a -> text.append(blank()).append(a));
    text.append(blank()).append("}");
    if (random.nextBoolean()) {
      text.append(blank());
    }
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private String blank() {
    return BLANKS[random.nextInt(BLANKS.length)];
  }
}
