/** Tests of copying stores, on real file systems. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.copy;
