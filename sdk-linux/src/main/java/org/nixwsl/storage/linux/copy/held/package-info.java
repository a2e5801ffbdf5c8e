/**
 * Reads directories that belong to others, as root: each step starts from a directory that is open,
 * and nothing is read that was not looked at before. Hides how Java gets at open directories. Begin
 * with {@link org.nixwsl.storage.linux.copy.held.HeldDirectory}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.held;
