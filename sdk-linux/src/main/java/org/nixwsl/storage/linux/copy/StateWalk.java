package org.nixwsl.storage.linux.copy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Predicate;
import org.nixwsl.storage.linux.copy.held.Checkpoint;
import org.nixwsl.storage.linux.copy.held.HeldDirectory;
import org.nixwsl.storage.linux.store.FileFacts;

/**
 * Goes through a tree parts of which belong to users, from one open directory to the next. Memory
 * and open files grow with the depth of the tree, which is bounded.
 */
final class StateWalk {
  /** Nix makes five levels. Each level of the walk holds two files open. */
  private static final int MAX_DEPTH = 100;

  /** {@code var/nix/profiles} and its like: an administrator may mount there, users below only. */
  private static final int DEPTH_OF_MOUNTS = 3;

  private StateWalk() {}

  /** Is told of each name; places are relative to the top, which itself is not told of. */
  interface Visitor {
    /** A directory; whether to go into it. */
    boolean enter(Path place, FileFacts facts) throws IOException;

    /** A directory that was gone through. */
    void leave(Path place, FileFacts facts) throws IOException;

    /** Anything else; it is in a directory that is open. */
    void other(Path place, HeldDirectory in, FileFacts facts) throws IOException;

    /** A directory that is not gone into because of what it is. */
    void odd(Path place, String why) throws IOException;
  }

  private record Frame(
      HeldDirectory directory, HeldDirectory.Names names, Path place, FileFacts facts) {}

  /**
   * Walks.
   *
   * @param wanted the names in the top that are gone to
   * @throws org.nixwsl.storage.linux.copy.held.ChangedException if a name was replaced or vanished
   *     between two looks
   */
  static void walk(Path top, Predicate<Path> wanted, Visitor visitor, Checkpoint checkpoint)
      throws IOException {
    Deque<Frame> stack = new ArrayDeque<>();
    try (HeldDirectory root = HeldDirectory.open(top, checkpoint)) {
      HeldDirectory.Names names = root.names();
      for (Optional<Path> name = names.next(); name.isPresent(); name = names.next()) {
        if (wanted.test(name.get())) {
          visit(root, name.get(), name.get(), visitor, stack);
          run(stack, visitor);
        }
      }
    } finally {
      for (Frame frame : stack) {
        frame.directory().close();
      }
    }
  }

  private static void run(Deque<Frame> stack, Visitor visitor) throws IOException {
    while (!stack.isEmpty()) {
      Frame frame = stack.element();
      Optional<Path> name = frame.names().next();
      if (name.isPresent()) {
        visit(frame.directory(), name.get(), frame.place().resolve(name.get()), visitor, stack);
        continue;
      }
      FileFacts facts = frame.directory().look();
      stack.remove();
      frame.directory().close();
      visitor.leave(frame.place(), facts);
    }
  }

  private static void visit(
      HeldDirectory in, Path name, Path place, Visitor visitor, Deque<Frame> stack)
      throws IOException {
    FileFacts facts = in.look(name);
    if (!facts.directory()) {
      visitor.other(place, in, facts);
      return;
    }
    Frame above = stack.peek();
    boolean mounted = above != null && above.facts().device() != facts.device();
    if (mounted && place.getNameCount() > DEPTH_OF_MOUNTS) {
      visitor.odd(place, "another file system is mounted there");
    } else if (stack.size() == MAX_DEPTH) {
      visitor.odd(place, "it lies deeper than " + MAX_DEPTH + " directories");
    } else if (visitor.enter(place, facts)) {
      HeldDirectory entered = in.enter(name, facts);
      stack.push(new Frame(entered, entered.names(), place, facts));
    }
  }
}
