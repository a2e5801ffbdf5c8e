/** One suite for every layout of a storage. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.layout;
