/** Tests of the journal of a move. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.migrate.journal;
