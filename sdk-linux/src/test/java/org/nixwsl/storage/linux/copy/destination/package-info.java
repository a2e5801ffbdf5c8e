/** Tests of what happens in the directory that a copy goes to. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.destination;
