package org.nixwsl.storage.testkit.wsl.command;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Which calls go wrong, and how. Calls that no rule is for go on as usual. Not thread-safe. */
public final class FaultPlan implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ArrayList<Rule> rules = new ArrayList<>();

  /** A plan in which nothing goes wrong. */
  public FaultPlan() {}

  /** How a call goes wrong. */
  public enum Kind {
    /** It prints an error and ends with -1. */
    FAIL,
    /** It never ends. */
    HANG,
    /** It prints the beginning of a line and ends with -1. */
    HALF_LINE,
    /** It is killed without a word. */
    DIE
  }

  /**
   * One way to go wrong.
   *
   * @param code for {@link Kind#FAIL}: steps and symbol, such as {@code
   *     Wsl/Service/AttachDisk/MountDisk/HCS/ERROR_SHARING_VIOLATION}
   * @param afterwards whether the call does its work before, so that only the answer is lost
   */
  public record Fault(Kind kind, String code, boolean afterwards) implements Serializable {
    /** An error instead of the work. */
    public static Fault failing(String code) {
      return new Fault(Kind.FAIL, code, false);
    }

    /** One that needs no code, instead of the work. */
    public static Fault of(Kind kind) {
      return new Fault(kind, "", false);
    }

    /** The same after the work. */
    public Fault afterTheWork() {
      return new Fault(kind, code, true);
    }
  }

  private static final class Rule implements Serializable {
    private static final long serialVersionUID = 1L;
    private final String verb;
    private final Fault fault;
    private int skip;
    private int times;

    private Rule(String verb, int skip, int times, Fault fault) {
      this.verb = verb;
      this.skip = skip;
      this.times = times;
      this.fault = fault;
    }
  }

  /**
   * The next call of a verb goes wrong.
   *
   * @param verb such as {@code --mount}; {@code --exec} for every start of a program, {@code *} for
   *     any call
   */
  public FaultPlan next(String verb, Fault fault) {
    return on(verb, 0, 1, fault);
  }

  /**
   * Some calls of a verb go wrong.
   *
   * @param skip how many calls go well before
   * @param times how many then go wrong
   */
  public FaultPlan on(String verb, int skip, int times, Fault fault) {
    rules.add(new Rule(verb, skip, times, fault));
    return this;
  }

  /** Forgets all rules. */
  public void clear() {
    rules.clear();
  }

  /** What happens to a call; counts it. */
  Optional<Fault> meet(String verb) {
    for (Rule rule : List.copyOf(rules)) {
      if (rule.verb.equals("*") || rule.verb.equals(verb)) {
        if (rule.skip > 0) {
          rule.skip--;
        } else {
          rule.times--;
          if (rule.times <= 0) {
            rules.remove(rule);
          }
          return Optional.of(rule.fault);
        }
      }
    }
    return Optional.empty();
  }
}
