/**
 * What an operation tells while it runs, and how it is cancelled. Read {@link
 * org.nixwsl.storage.event.StorageEvent} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.event;
