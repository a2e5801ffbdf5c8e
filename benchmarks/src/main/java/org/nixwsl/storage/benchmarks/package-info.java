/**
 * Measurements of the SDK beside its rivals, in one run on one machine. Hides how a fair start is
 * made for each run, and what has to be cleaned up after it. Read {@link
 * org.nixwsl.storage.benchmarks.Harness} first. One package although it has more than twelve types:
 * nothing of it is published, and each benchmark is a type that only the command line knows.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.benchmarks;
