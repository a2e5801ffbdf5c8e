/** Machines with real disks. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl.real;
