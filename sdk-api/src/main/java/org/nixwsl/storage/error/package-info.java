/**
 * Everything that can go wrong, as one unchecked family. Read {@link
 * org.nixwsl.storage.error.StorageSdkException} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.error;
