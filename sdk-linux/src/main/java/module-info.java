/** The half of the NixOS-WSL Storage SDK that is for Linux. Exports nothing to users. */
@org.jspecify.annotations.NullMarked
module org.nixwsl.storage.linux {
  requires org.nixwsl.storage.core;
  requires static org.jspecify;
  requires org.slf4j;
  requires java.sql;
  requires jdk.unsupported;
  requires org.xerial.sqlitejdbc;

  provides org.nixwsl.storage.core.platform.Platform with
      org.nixwsl.storage.linux.LinuxPlatform;
}
