/**
 * The order of the stages in which stores are copied and moved, whatever the platform. Read {@link
 * org.nixwsl.storage.core.migrate.CopyEngine} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.migrate;
