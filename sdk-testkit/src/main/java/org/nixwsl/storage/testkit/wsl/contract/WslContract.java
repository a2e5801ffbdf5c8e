package org.nixwsl.storage.testkit.wsl.contract;

/**
 * The whole contract: a test for each assertion of WSL's own tests that can be told apart from
 * outside ({@code test/windows/MountTests.cpp}, {@code UnitTests.cpp}, {@code PolicyTests.cpp} and
 * {@code SimpleTests.cpp} of microsoft/WSL; their names stand at the tests).
 *
 * <pre>{@code
 * class MyWslTest implements WslContract {
 *   public WslUnderTest machine() { ... }
 * }
 * }</pre>
 *
 * <p>An assertion that holds from a release of WSL on is not made for earlier ones.
 */
public interface WslContract extends MountContract, InstanceContract {}
