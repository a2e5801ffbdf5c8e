/**
 * What every WSL does that the SDK relies on, as tests. Read {@link
 * org.nixwsl.storage.testkit.wsl.contract.WslContract} first. Needs JUnit on the class path.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.wsl.contract;
