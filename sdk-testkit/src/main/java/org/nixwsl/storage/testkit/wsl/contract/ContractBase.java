package org.nixwsl.storage.testkit.wsl.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.regex.Pattern;
import org.nixwsl.storage.testkit.wsl.contract.WslUnderTest.Answer;

/** What the tests of the contract have in common. */
interface ContractBase {
  /** The machine of the running test: the same one until the test ends. */
  WslUnderTest machine();

  /** Makes a call. */
  default Answer wsl(String... arguments) {
    return machine().wsl(List.of(arguments));
  }

  /** Makes a call that succeeds. */
  default Answer ok(String... arguments) {
    Answer answer = wsl(arguments);
    assertEquals(0, answer.exit(), () -> String.join(" ", arguments) + ": " + answer);
    return answer;
  }

  /** Makes a call that fails with a code; older releases may have another name for its parts. */
  default void fails(String code, String... arguments) {
    Answer answer = wsl(arguments);
    assertEquals(-1, answer.exit(), () -> String.join(" ", arguments) + ": " + answer);
    String steps =
        code.substring(0, code.lastIndexOf('/') + 1).replace("MountDisk", "Mount(Disk|Vhd)");
    String symbol = code.substring(code.lastIndexOf('/') + 1);
    Pattern line =
        Pattern.compile(
            "[ \\x{ff1a}:]" + steps + "(" + symbol + "|0x[0-9a-f]{8})\\r?\\n",
            Pattern.CASE_INSENSITIVE);
    assertTrue(line.matcher(answer.out()).find(), () -> code + " is not in " + answer);
    assertEquals("", answer.err());
  }

  /** The lines of the mount table of an instance that are below the share. */
  default List<String> shared() {
    return ok(
            "-d", machine().instance(), "-u", "root", "--exec", "/bin/cat", "/proc/self/mountinfo")
        .out()
        .lines()
        .filter(line -> line.contains(" /mnt/wsl/"))
        .filter(line -> line.matches(".* - (ext4|" + machine().otherType() + ") .*"))
        .toList();
  }

  /** Whether something is mounted below the share under that name. */
  default boolean isShared(String name) {
    return shared().stream().anyMatch(line -> line.contains(" /mnt/wsl/" + name + " "));
  }
}
