/**
 * The rendered module and its scripts under a real systemd as PID 1. Read {@code BootTableTest}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.boot;
