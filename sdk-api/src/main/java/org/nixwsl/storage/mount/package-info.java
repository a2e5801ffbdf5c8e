/**
 * Where the shared storage is and how it is mounted. Read {@link
 * org.nixwsl.storage.mount.SharedStorage} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.mount;
