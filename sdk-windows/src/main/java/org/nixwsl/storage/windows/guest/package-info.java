/**
 * What is seen and done as root inside an instance. Read {@link
 * org.nixwsl.storage.windows.guest.Guests} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.windows.guest;
