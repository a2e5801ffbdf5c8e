package org.nixwsl.storage.linux.copy.attribute;

import java.nio.file.Path;
import java.util.List;

/**
 * A file with extended attributes.
 *
 * @param file its whole path
 * @param attributes a line for each, {@code name=0xVALUE}, as {@code getfattr} prints them
 */
public record Attributed(Path file, List<String> attributes) {
  /** Copies the list. */
  public Attributed {
    attributes = List.copyOf(attributes);
  }

  /** The names alone, for people. */
  public List<String> names() {
    return attributes.stream().map(line -> line.split("=", 2)[0]).toList();
  }
}
