/**
 * The dialect of wsl.exe over a simulated machine. Read {@link
 * org.nixwsl.storage.testkit.wsl.command.WslCommand} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl.command;
