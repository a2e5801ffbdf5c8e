/**
 * Looks whether what an earlier call copied is still whole: {@link
 * org.nixwsl.storage.linux.copy.proof.CopyAudit}.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.proof;
