/**
 * The NixOS-WSL Storage SDK as programs see it: five interfaces, the values that go in and come
 * out, events, errors. Start at {@link org.nixwsl.storage.StorageSdk}.
 */
@org.jspecify.annotations.NullMarked
module org.nixwsl.storage.api {
  requires static transitive org.jspecify;
  requires static org.immutables.value.annotations;

  exports org.nixwsl.storage;
  exports org.nixwsl.storage.config;
  exports org.nixwsl.storage.disk;
  exports org.nixwsl.storage.error;
  exports org.nixwsl.storage.event;
  exports org.nixwsl.storage.migrate;
  exports org.nixwsl.storage.mount;
  exports org.nixwsl.storage.store;

  uses org.nixwsl.storage.StorageSdk.Provider;
}
