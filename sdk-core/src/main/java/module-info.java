/**
 * The engine of the NixOS-WSL Storage SDK. Exports nothing to users; the platform modules see what
 * they need.
 */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // the friends named in qualified exports are not on this module's path
module org.nixwsl.storage.core {
  requires transitive org.nixwsl.storage.api;
  requires static org.jspecify;
  requires org.slf4j;
  requires dev.failsafe.core;
  requires org.zeroturnaround.exec;
  requires com.fasterxml.jackson.jr.ob;

  exports org.nixwsl.storage.core.escape to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows;
  exports org.nixwsl.storage.core.guest to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows,
      org.nixwsl.storage.testkit;
  exports org.nixwsl.storage.core.io to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows;
  exports org.nixwsl.storage.core.nar to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.testkit;
  exports org.nixwsl.storage.core.nixwire to
      org.nixwsl.storage.linux;
  exports org.nixwsl.storage.core.platform to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows;
  exports org.nixwsl.storage.core.process to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows;
  exports org.nixwsl.storage.core.vhdx to
      org.nixwsl.storage.windows;
  exports org.nixwsl.storage.core.run to
      org.nixwsl.storage.linux,
      org.nixwsl.storage.windows;

  uses org.nixwsl.storage.core.platform.Platform;

  provides org.nixwsl.storage.StorageSdk.Provider with
      org.nixwsl.storage.core.EngineProvider;
}
