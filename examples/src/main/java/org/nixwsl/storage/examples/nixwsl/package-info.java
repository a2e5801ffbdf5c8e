/**
 * The command line {@code nixwsl}: a thin program over the public API. Read {@link
 * org.nixwsl.storage.examples.nixwsl.NixWsl} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.examples.nixwsl;
