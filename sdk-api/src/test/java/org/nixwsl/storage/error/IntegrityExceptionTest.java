package org.nixwsl.storage.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;

class IntegrityExceptionTest {
  @Test
  void findingsSurviveTheWayToAnotherProcess() throws Exception {
    List<StoreFinding> findings =
        List.of(new StoreFinding("/nix/store/a", Verdict.MODIFIED, "hash"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(
          new IntegrityException(
              Problem.of(ErrorCode.TARGET_DAMAGED, "Damaged.", "Restore."), findings));
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(((IntegrityException) in.readObject()).findings()).isEqualTo(findings);
    }
  }
}
