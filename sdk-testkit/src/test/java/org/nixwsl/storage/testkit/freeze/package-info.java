@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.freeze;
