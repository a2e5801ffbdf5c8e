/**
 * One operation: progress, cancellation, retry, clock and the order of events. Read {@link
 * org.nixwsl.storage.core.run.Operation} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.run;
