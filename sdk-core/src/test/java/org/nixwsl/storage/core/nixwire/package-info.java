@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.nixwire;
