/**
 * The entry point and the interfaces it hands out. Read {@link org.nixwsl.storage.StorageSdk}
 * first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage;
