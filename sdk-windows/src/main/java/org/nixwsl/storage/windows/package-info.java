/**
 * Everything that is true only on Windows: how a disk is mounted through {@code wsl.exe}, proven,
 * prepared, and mounted again at each logon. Read {@link org.nixwsl.storage.windows.WslExeMounter}
 * first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.windows;
