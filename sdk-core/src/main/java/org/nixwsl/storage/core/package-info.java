/**
 * Builds the object graph by hand and picks the platform. Read {@link
 * org.nixwsl.storage.core.Engine} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core;
