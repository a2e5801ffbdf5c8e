package org.nixwsl.storage.mount;

/**
 * An instance of WSL that belongs to this Windows user.
 *
 * @param name as WSL knows it
 * @param running whether it runs; false also while it is installed, converted or exported
 * @param version 1 or 2; only instances of version 2 can use the shared storage
 * @param isDefault whether it is the one that {@code wsl} without a name starts
 */
public record WslInstance(String name, boolean running, int version, boolean isDefault) {}
