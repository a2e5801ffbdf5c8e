/** The half of the NixOS-WSL Storage SDK that is for Windows. Exports nothing to users. */
@org.jspecify.annotations.NullMarked
module org.nixwsl.storage.windows {
  requires org.nixwsl.storage.core;
  requires java.xml;
  requires static org.jspecify;
  requires org.slf4j;

  provides org.nixwsl.storage.core.platform.Platform with
      org.nixwsl.storage.windows.WindowsPlatform;
}
