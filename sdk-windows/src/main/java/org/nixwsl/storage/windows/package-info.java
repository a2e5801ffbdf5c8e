/**
 * Everything that is true only on Windows. Hides {@code wsl.exe}: its arguments, its encodings, its
 * exit codes and its error symbols. Read {@link org.nixwsl.storage.windows.WslExe} first, then
 * {@link org.nixwsl.storage.windows.WslExeMounter}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.windows;
