/**
 * The command line {@code nixwsl}: a thin program over the public API. Read {@link
 * org.nixwsl.storage.examples.nixwsl.NixWsl} first. More than twelve types, because each group of
 * commands is one, and nothing of it is published.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.examples.nixwsl;
