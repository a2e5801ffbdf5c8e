/**
 * The directory that a copy goes to: whether it may take a store, the room and the syncs of its
 * file system, and the workspace in it that makes a copy resumable. Hides the probes, the lock and
 * the journal. Read {@link org.nixwsl.storage.linux.copy.destination.TargetChecks} first, then
 * {@link org.nixwsl.storage.linux.copy.destination.CopyWorkspace}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.destination;
