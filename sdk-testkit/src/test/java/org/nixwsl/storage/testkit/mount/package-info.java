/** Mounting through a simulated WSL. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.mount;
