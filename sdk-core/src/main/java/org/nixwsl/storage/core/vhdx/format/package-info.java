/**
 * The structures of a VHDX as MS-VHDX (revision 8.0) lays them out: one class for each, which knows
 * its bytes and its rules. A rule tells {@link org.nixwsl.storage.core.vhdx.findings.Findings} when
 * it is broken, so that a check and a strict reader share it. Nothing here opens or changes a file.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx.format;
