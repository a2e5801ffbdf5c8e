/**
 * The only code that changes files of our own, and the bytes of file names. Read {@link
 * org.nixwsl.storage.core.io.DurableFiles} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.io;
