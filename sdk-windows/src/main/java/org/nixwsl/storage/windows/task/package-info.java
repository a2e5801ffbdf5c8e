/**
 * Tasks of the Windows task scheduler. Read {@link org.nixwsl.storage.windows.task.LogonTasks}
 * first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.windows.task;
