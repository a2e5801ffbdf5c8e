/**
 * A machine for a test: a container with systemd and Nix. Read {@link
 * org.nixwsl.storage.testkit.container.NixContainer} first. Needs Testcontainers on the class path.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.testkit.container;
