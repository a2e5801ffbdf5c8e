/**
 * Work where the files are: the host drives a program inside an instance, which reads and writes
 * stores there. The host's side is {@link org.nixwsl.storage.core.guest.GuestWorkplace}, the
 * guest's is {@link org.nixwsl.storage.core.guest.GuestServer}; between them goes one JSON object a
 * line, described in {@code docs/guest-protocol.md}. Read {@link
 * org.nixwsl.storage.core.guest.Shell} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.guest;
