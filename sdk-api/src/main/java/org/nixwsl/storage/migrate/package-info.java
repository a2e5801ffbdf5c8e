/**
 * Moving a store to the shared storage: request, plan, report. Read {@link
 * org.nixwsl.storage.migrate.MigrationRequest} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.migrate;
