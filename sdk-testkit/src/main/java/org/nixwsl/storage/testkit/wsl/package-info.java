/**
 * WSL for tests, without Windows. Read {@link org.nixwsl.storage.testkit.wsl.SimulatedWsl} first.
 * Needs JUnit on the class path.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl;
