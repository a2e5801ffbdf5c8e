/**
 * Reads the contents of files with regard to the page cache. Read {@link
 * org.nixwsl.storage.linux.read.FileReader} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.read;
