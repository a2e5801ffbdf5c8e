/**
 * The log of a VHDX (MS-VHDX section 2.3): finds the entries that count and lays their changes over
 * the file, in memory or on the device; makes changes that a crash leaves whole or undone. Hides
 * ring arithmetic, entry layout and the order of header updates. Read {@link
 * org.nixwsl.storage.core.vhdx.log.LogReplay} first, then {@link
 * org.nixwsl.storage.core.vhdx.log.LogWriter}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx.log;
