/** Tests of single stages of a move. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.migrate.stage;
