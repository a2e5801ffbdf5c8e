/**
 * The rules of a VHDX by name, and what becomes of a broken one: a finding of a check, or the
 * refusal of a strict reader. Read {@link org.nixwsl.storage.core.vhdx.findings.Findings} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.vhdx.findings;
