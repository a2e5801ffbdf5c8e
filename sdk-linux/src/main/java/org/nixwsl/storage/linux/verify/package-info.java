/**
 * The verifier: hides how a store is divided among threads and how what they see becomes findings.
 * Read {@link org.nixwsl.storage.linux.verify.StoreVerifyEngine} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.verify;
