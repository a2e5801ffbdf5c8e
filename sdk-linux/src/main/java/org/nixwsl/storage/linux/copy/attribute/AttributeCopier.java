package org.nixwsl.storage.linux.copy.attribute;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.nixwsl.storage.core.io.PathBytes;

/** Extended attributes of store paths: which there are, and the same in the target. */
public final class AttributeCopier {
  private final AttributePrograms programs;
  private final Path source;
  private final Path target;

  /**
   * A copier.
   *
   * @param source the source's store directory
   * @param target the target's
   */
  public AttributeCopier(AttributePrograms programs, Path source, Path target) {
    this.programs = programs;
    this.source = source;
    this.target = target;
  }

  /**
   * What there is in the source.
   *
   * @param names of store paths
   * @return for each that has any what it has, for people
   */
  public SortedMap<String, String> describe(Collection<String> names)
      throws IOException, InterruptedException {
    return described(programs.read(in(source, names)));
  }

  /**
   * Gives the copies what there is in the source, reads it back and compares.
   *
   * @param names of store paths that are in the target
   * @return for each that did not get all of it what it should have got, for people
   */
  public SortedMap<String, String> copy(Collection<String> names)
      throws IOException, InterruptedException {
    List<Attributed> here = programs.read(in(source, names));
    List<Attributed> there = new ArrayList<>();
    for (Attributed file : here) {
      there.add(new Attributed(target.resolve(source.relativize(file.file())), file.attributes()));
    }
    programs.write(target, there);
    Map<Path, List<String>> written = new HashMap<>();
    for (Attributed file : programs.read(in(target, described(here).keySet()))) {
      written.put(target.relativize(file.file()), file.attributes());
    }
    here.removeIf(
        file ->
            written
                .getOrDefault(source.relativize(file.file()), List.of())
                .containsAll(file.attributes()));
    return described(here);
  }

  private SortedMap<String, String> described(List<Attributed> files) {
    SortedMap<String, String> all = new TreeMap<>();
    Map<String, Integer> more = new HashMap<>();
    for (Attributed file : files) {
      Path place = source.relativize(file.file());
      String name = PathBytes.printable(place.getName(0));
      if (all.containsKey(name)) {
        more.merge(name, 1, Integer::sum);
        continue;
      }
      String of =
          place.getNameCount() == 1
              ? "the path itself"
              : PathBytes.printable(place.subpath(1, place.getNameCount()));
      all.put(name, String.join(", ", new TreeSet<>(file.names())) + " of " + of);
    }
    more.forEach((name, count) -> all.merge(name, "; " + count + " more files", String::concat));
    return all;
  }

  private static List<Path> in(Path store, Collection<String> names) {
    return names.stream().sorted().map(store::resolve).toList();
  }
}
