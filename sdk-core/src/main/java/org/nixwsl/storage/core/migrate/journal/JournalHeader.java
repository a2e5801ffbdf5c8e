package org.nixwsl.storage.core.migrate.journal;

import java.time.Instant;
import java.util.UUID;
import org.nixwsl.storage.migrate.MigrationRequest;

/**
 * The first line of a journal: which move it tells of.
 *
 * @param migration the move's own number
 * @param storageId what the move writes into {@code .nix-storage-id}; chosen before anything else,
 *     so that an id that is found tells whose it is
 * @param begun when the move began, by the wall clock; for people
 * @param request what was asked for
 */
public record JournalHeader(
    UUID migration, UUID storageId, Instant begun, MigrationRequest request) {}
