/** What Linux brings to the engine. Read {@link org.nixwsl.storage.linux.LinuxPlatform} first. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux;
