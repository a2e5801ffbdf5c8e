package org.nixwsl.storage.config;

import java.util.List;

/**
 * What a call of {@link BootControl} came to.
 *
 * @param notes what the instance said to it, for people, line by line: what was done, and what has
 *     to happen for it to take effect
 */
public record BootChange(List<String> notes) {
  /** Makes the list unmodifiable. */
  public BootChange {
    notes = List.copyOf(notes);
  }
}
