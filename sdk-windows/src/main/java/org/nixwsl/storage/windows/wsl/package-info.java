/**
 * The command line of {@code wsl.exe}: its arguments, its encodings, its exit codes and its error
 * symbols. Read {@link org.nixwsl.storage.windows.wsl.WslExe} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.windows.wsl;
