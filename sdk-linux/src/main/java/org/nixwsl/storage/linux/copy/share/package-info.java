/**
 * Files of another store on the file system of the target, which a copy links to instead of writing
 * them again. Hides where an identical file may be and how it is proved to be one. Read {@link
 * org.nixwsl.storage.linux.copy.share.OtherStore} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.share;
