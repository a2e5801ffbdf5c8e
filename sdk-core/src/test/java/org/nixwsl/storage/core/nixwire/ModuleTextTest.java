package org.nixwsl.storage.core.nixwire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.escape.Interpreters;

class ModuleTextTest {
  private static final String MARK =
      " /* nix-storage: begin */ ./nix-storage.nix /* nix-storage: end */";

  @TempDir Path scratch;

  @Test
  void nixSeesTheModuleFirstAndTheRestAsBefore() throws IOException {
    Interpreters.needs("nix-instantiate");
    Configurations configurations = new Configurations(seeded("nixSees"));
    int count = 300;
    StringBuilder expression = new StringBuilder("let r = f: let v = import f; in map toString");
    expression.append(
        " (if builtins.isFunction v then v { config = 1; pkgs = 1; } else v).imports;");
    expression.append(" in [");
    for (int i = 0; i < count; i++) {
      byte[] before = configurations.next();
      byte[] after =
          ModuleText.of(before)
              .withImport()
              .orElseThrow(() -> new AssertionError("not plain:\n" + text(before)));
      assertThat(ModuleText.of(after).withoutImport().orElseThrow()).isEqualTo(before);
      Files.write(scratch.resolve("b" + i + ".nix"), before);
      Files.write(scratch.resolve("a" + i + ".nix"), after);
      expression.append(" (r ./b").append(i).append(".nix) (r ./a").append(i).append(".nix)");
    }
    List<?> results =
        (List<?>) Objects.requireNonNull(new Interpreters(scratch).evaluate(expression + " ]"));
    for (int i = 0; i < count; i++) {
      List<Object> expected = new ArrayList<>(List.of(scratch + "/nix-storage.nix"));
      expected.addAll((List<?>) results.get(2 * i));
      assertThat(results.get(2 * i + 1))
          .as(Files.readString(scratch.resolve("a" + i + ".nix")))
          .isEqualTo(expected);
    }
  }

  @Test
  void everythingOutsideTheMarkStaysByteForByte() {
    Configurations configurations = new Configurations(seeded("everything"));
    for (int i = 0; i < 3000; i++) {
      byte[] before = configurations.next();
      byte[] after = ModuleText.of(before).withImport().orElseThrow();
      assertThat(latin(after).replace(MARK, "")).isEqualTo(latin(before));
      ModuleText again = ModuleText.of(after);
      assertThat(again.marked()).isTrue();
      assertThat(again.namedByUser()).isFalse();
      assertThat(again.withImport()).isEmpty();
      assertThat(again.withoutImport().orElseThrow()).isEqualTo(before);
    }
  }

  @Test
  void randomDamageIsRefusedOrEditedReversibly() {
    Random random = seeded("damage");
    Configurations configurations = new Configurations(random);
    byte[] bytes = "{}[]()\"'$#/*\\;=:@ \n\ré\0ab".getBytes(StandardCharsets.ISO_8859_1);
    for (int i = 0; i < 5000; i++) {
      byte[] damaged = configurations.next();
      for (int n = random.nextInt(4); n >= 0; n--) {
        damaged[random.nextInt(damaged.length)] = bytes[random.nextInt(bytes.length)];
      }
      Optional<byte[]> after = ModuleText.of(damaged).withImport();
      if (after.isPresent()) {
        assertThat(ModuleText.of(after.get()).withoutImport().orElseThrow()).isEqualTo(damaged);
      }
    }
  }

  @Test
  void bytesThatAreNoUtf8StayInCommentsAndStrings() {
    byte[] before =
        "{ # \u00e9\u00ff\n imports = [ ]; a = \"\u00ff\u00fe\"; b = ''\u0080''; }"
            .getBytes(StandardCharsets.ISO_8859_1);
    byte[] after = ModuleText.of(before).withImport().orElseThrow();
    assertThat(latin(after).replace(MARK, "")).isEqualTo(latin(before));
  }

  @Test
  void leavesToTheUserWhatIsNotPlain() {
    for (String text :
        List.of(
            "",
            "{ }",
            "{ imports = map f [ ./a.nix ]; }",
            "{ imports = ([ ]); }",
            "{ \"imports\" = [ ]; }",
            "{ x.imports = [ ]; }",
            "{ imports.x = [ ]; }",
            "{ inherit imports; }",
            "{ imports == [ ]; }",
            "{ a = { imports = [ ]; }; }",
            "{ imports = [ ]; imports = [ ]; }",
            "lib.mkIf x { imports = [ ]; }",
            "{ imports = [ ]; } // { }",
            "({ imports = [ ]; })",
            "let { imports = [ ]; body = 1; }",
            "# { imports = [ ]; }",
            "/* { imports = [ ]; } */ { }",
            "\"{ imports = [ ]; }\"",
            "{ a = \"imports = [\"; }",
            "{ a = ''imports = [''; }",
            "{ imports = [ }",
            "{ imports = [ ]; /* open",
            "{ imports = [ ]; a = \"open",
            "{ imports = [ ]; \0 }",
            "\uFEFF{ imports = [ ]; }",
            "if a then { imports = [ ]; } else { }")) {
      assertThat(ModuleText.of(text.getBytes(StandardCharsets.UTF_8)).withImport())
          .as(text)
          .isEmpty();
    }
  }

  @Test
  void seesAnImportThatTheUserWrote() {
    for (String text :
        List.of(
            "{ imports = [ ./nix-storage.nix ]; }",
            "{ imports = [ ./a.nix /etc/nixos/nix-storage.nix ]; }",
            "{ imports = lib.optional x ./nix-storage.nix; }",
            "{ broken = \"nix-storage.nix")) {
      assertThat(ModuleText.of(ascii(text)).namedByUser()).as(text).isTrue();
    }
    for (String text :
        List.of(
            "{ imports = [ ]; # ./nix-storage.nix\n}",
            "{ a = \"./nix-storage.nix\"; }",
            "{ imports = [ ./my-nix-storage.nix ]; }")) {
      assertThat(ModuleText.of(ascii(text)).namedByUser()).as(text).isFalse();
    }
  }

  @Test
  void aMarkThatAFormatterMovedIsStillTakenOut() {
    String moved =
        """
        {
          imports = [
            /* nix-storage: begin */
            ./nix-storage.nix
            /* nix-storage: end */
            ./a.nix
          ];
        }
        """;
    assertThat(ModuleText.of(ascii(moved)).withoutImport().map(ModuleTextTest::text))
        .contains("{\n  imports = [\n    \n    ./a.nix\n  ];\n}\n");
    assertThat(ModuleText.of(ascii("{ imports = [" + MARK + MARK + " ]; }")).withoutImport())
        .isEmpty();
  }

  @Test
  void hostileTextsEndSoon() {
    for (String piece :
        List.of(
            "{", "[", "\"${", "''${", "a+", "a:", "/*", "'", "$", "<", "~/", "a/", "a.b-",
            "let ")) {
      byte[] text = ascii(piece.repeat((1 << 20) / piece.length()));
      Assertions.assertTimeoutPreemptively(
          Duration.ofSeconds(120), () -> assertThat(ModuleText.of(text).withImport()).isEmpty());
    }
  }

  private static Random seeded(String test) {
    long seed = Long.getLong("nixwsl.seed", System.nanoTime());
    System.out.println(test + ": -Dnixwsl.seed=" + seed);
    return new Random(seed);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
