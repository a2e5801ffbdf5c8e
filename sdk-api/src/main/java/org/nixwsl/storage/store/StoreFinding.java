package org.nixwsl.storage.store;

import java.io.Serializable;

/**
 * Something that was found about one entry of a store.
 *
 * @param path the logical path, {@code /nix/store/...}; bytes that are not printable ASCII stand as
 *     {@code %XX}, and so does the percent sign
 * @param verdict what is the matter
 * @param detail what was seen and what was expected, for people
 */
public record StoreFinding(String path, Verdict verdict, String detail) implements Serializable {}
