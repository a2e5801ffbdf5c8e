/**
 * Power cuts, disks that fail, and disks that are full, under a move that runs. Read {@link
 * org.nixwsl.storage.testkit.faults.PowerCutTest} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.faults;
