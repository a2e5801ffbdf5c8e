/**
 * What a migration writes down on the host while it runs, so that another process can go on with it
 * or take it back: see {@code docs/journal-format.md}. Read {@link
 * org.nixwsl.storage.core.migrate.journal.StageJournal} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.migrate.journal;
