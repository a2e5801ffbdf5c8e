/**
 * How any text is written as a literal of another language, so that it is read back as exactly that
 * text and nothing of it is taken for code. One class per language; nothing else in the SDK quotes.
 * Read {@link org.nixwsl.storage.core.escape.ShText} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.escape;
