/**
 * The log of a VHDX (MS-VHDX section 2.3): finds the entries that count and lays their changes over
 * the file in memory. Hides ring arithmetic and entry layout. Read {@link
 * org.nixwsl.storage.core.vhdx.log.LogReplay} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx.log;
