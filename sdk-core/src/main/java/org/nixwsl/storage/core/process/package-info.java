/**
 * The only code that starts processes. Read {@link org.nixwsl.storage.core.process.ProcessRunner}
 * first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.process;
