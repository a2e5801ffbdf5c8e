/**
 * How WSL behaves, without a line of its output: the service's table of disks, the virtual machine,
 * the instances. Read {@link org.nixwsl.storage.testkit.wsl.model.WslMachine} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl.model;
