package org.nixwsl.storage.testkit.wsl.model;

/** A call of wsl.exe that fails with an error code. */
public final class WslFailure extends Exception {
  private static final long serialVersionUID = 1L;

  private final String code;

  /**
   * The failure.
   *
   * @param code steps and symbol, such as {@code Wsl/Service/AttachDisk/WSL_E_WSL2_NEEDED}, as of
   *     the newest release
   */
  public WslFailure(String code) {
    super(code, null, false, false);
    this.code = code;
  }

  /** A failure in the service. */
  static WslFailure service(String rest) {
    return new WslFailure("Wsl/Service/" + rest);
  }

  /** Steps and symbol, as of the newest release. */
  public String code() {
    return code;
  }

  /** The symbol alone. */
  public String symbol() {
    return code.substring(code.lastIndexOf('/') + 1);
  }
}
