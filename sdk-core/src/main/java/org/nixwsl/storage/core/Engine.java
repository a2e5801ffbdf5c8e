package org.nixwsl.storage.core;

/** Placeholder until the parts below are there. */
final class Engine {
  private Engine() {}
}
