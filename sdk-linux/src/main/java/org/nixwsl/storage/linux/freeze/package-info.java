/**
 * Makes the store of a running instance stand still. Hides who does it, a transient unit of the
 * instance's systemd that outlives its caller; how it is known what to undo after a crash; and how
 * it is seen who still uses the store. Described in {@code docs/freeze.md}. Read {@link
 * org.nixwsl.storage.linux.freeze.LinuxFreezer} first, then the script {@code freeze.sh}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.freeze;
