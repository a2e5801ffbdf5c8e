/**
 * The NixOS module that makes an instance boot from the shared storage. Read {@link
 * org.nixwsl.storage.config.NixModuleSettings} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.config;
