/**
 * Extended attributes, ACLs and capabilities, which Java cannot see: read and written by the
 * programs {@code getfattr} and {@code setfattr}. Hides their text form. Read {@link
 * org.nixwsl.storage.linux.copy.attribute.AttributePrograms} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.linux.copy.attribute;
