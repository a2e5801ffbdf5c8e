package org.nixwsl.storage.core.nixconf;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text with places such as {@code @name@} to be filled. Each place is filled once and in one
 * pass, so that what is put in is never searched for places. Immutable.
 */
final class Template {
  private static final Pattern PLACE = Pattern.compile("@([A-Za-z]+)@");

  private final String text;

  Template(String text) {
    this.text = text;
  }

  /** The text of a resource beside this class, UTF-8, as it stands. */
  static String resource(String name) {
    try (InputStream in = Template.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("The jar lacks its resource " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read the resource " + name + " of the jar", e);
    }
  }

  /**
   * Fills all places.
   *
   * @param values the text for each place, already a literal of the language it goes into
   * @throws IllegalArgumentException if a place has no value, or a value no place
   */
  String fill(Map<String, String> values) {
    TreeSet<String> unused = new TreeSet<>(values.keySet());
    Matcher places = PLACE.matcher(text);
    StringBuilder out = new StringBuilder(text.length());
    while (places.find()) {
      String name = places.group(1);
      String value = values.get(name);
      if (value == null) {
        throw new IllegalArgumentException("No value for the place @" + name + "@");
      }
      unused.remove(name);
      places.appendReplacement(out, Matcher.quoteReplacement(value));
    }
    if (!unused.isEmpty()) {
      throw new IllegalArgumentException("No place for the values " + unused);
    }
    return places.appendTail(out).toString();
  }
}
