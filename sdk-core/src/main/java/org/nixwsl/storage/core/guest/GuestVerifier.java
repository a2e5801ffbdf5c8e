package org.nixwsl.storage.core.guest;

import java.util.Map;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StoreVerifier;
import org.nixwsl.storage.core.guest.GuestClient.Listener;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;

/** Verifies stores where they are, through a guest. */
final class GuestVerifier implements StoreVerifier {
  private final GuestWorkplace place;
  private final Ticker ticker;

  GuestVerifier(GuestWorkplace place, Ticker ticker) {
    this.place = place;
    this.ticker = ticker;
  }

  @Override
  public VerifyReport verify(VerifyRequest request, RunOptions options) {
    return Operation.run(
        "verify a store",
        options,
        ticker,
        Map.of(Stage.VERIFY, 1.0),
        operation ->
            operation.stage(
                Stage.VERIFY,
                progress -> {
                  Listener listener = new Listener(progress, new GuestWire.Parts());
                  return GuestWire.verifyReport(
                      place.call("verify", GuestWire.verifyRequest(request), listener, operation),
                      listener.parts());
                }));
  }
}
