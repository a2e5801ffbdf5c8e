/** Moves of stores inside instances, driven from outside through a simulated WSL. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.move;
