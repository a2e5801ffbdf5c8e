/**
 * A simulated machine with real block devices, mounts and processes. Read {@link
 * org.nixwsl.storage.testkit.wsl.real.RealDisks} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl.real;
