/** Tests of what is read, and from where. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.read;
