/**
 * Edits {@code .wslconfig}. Hides how WSL reads it. Read {@link
 * org.nixwsl.storage.core.wslconf.WslConfigText} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.wslconf;
