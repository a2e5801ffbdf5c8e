/**
 * The stages of a move, one class each, which all can be looked at, done, confirmed and taken back;
 * and what they work on. Read {@link org.nixwsl.storage.core.migrate.stage.StageStep} first.
 */
@org.jspecify.annotations.NullMarked
package org.nixwsl.storage.core.migrate.stage;
