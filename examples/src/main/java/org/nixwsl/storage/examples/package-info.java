/** Small programs, one idea each. Read {@link org.nixwsl.storage.examples.QuickStart} first. */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.examples;
