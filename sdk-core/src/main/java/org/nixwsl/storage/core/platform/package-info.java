/**
 * What an operating system brings. Read {@link org.nixwsl.storage.core.platform.Platform} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.platform;
