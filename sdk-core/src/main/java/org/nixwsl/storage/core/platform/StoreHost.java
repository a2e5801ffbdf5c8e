package org.nixwsl.storage.core.platform;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.StageProgress;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;

/** The place where the files of stores are. */
public interface StoreHost {
  /**
   * Measures a store without reading file contents.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException {@code NOT_A_STORE}, {@code
   *     SCHEMA_TOO_NEW}, {@code DATABASE_UNREADABLE}
   */
  Measure measure(NixStore store, Operation operation) throws IOException, InterruptedException;

  /**
   * Every reason why this copy cannot be started, as far as it can be seen without changing
   * anything: rights, file system of the target, room, what is in the target already, how the two
   * lie.
   *
   * @param measure the size of the source
   */
  List<Problem> refusals(CopyRequest request, Measure measure, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Begins a copy: checks {@link #refusals} again and throws the first, then takes the locks that
   * keep the source still and other copies out of the target. The caller closes the session, which
   * lets go of the locks.
   */
  CopySession begin(CopyRequest request, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Measures what a store has that another one lacks, or has with another hash by the two
   * databases: what {@link #beginMerge} would bring there, at most.
   *
   * @throws org.nixwsl.storage.error.EnvironmentException as {@link #measure}, of either store
   */
  Measure lacking(NixStore store, NixStore other, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Every reason why {@link #beginMerge} cannot begin, as far as it can be seen without changing
   * anything: the target is no store, has no room, is in use.
   */
  List<Problem> mergeRefusals(CopyRequest request, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Begins a copy into a store that nobody has open, and that stays a store at each moment,
   * whenever the copy is killed. It ends with all that the source has, proven as after any copy,
   * and with the source's profiles; store paths and roots that only the target has stay. {@link
   * CopySession#copyState} puts the new database in the place of the old one, in one step. The
   * report counts what was brought there, also by calls before that were cut short. {@link
   * CopySession#finish} ends it.
   *
   * @param request source, target and threads; the rest of it is not looked at
   * @throws org.nixwsl.storage.error.StorageSdkException the first of {@link #mergeRefusals}
   */
  CopySession beginMerge(CopyRequest request, Operation operation)
      throws IOException, InterruptedException;

  /**
   * Removes what a copy of {@link #beginMerge} left that will not be gone on with: store paths that
   * the database of the target does not know, and what made it resumable. Does nothing where none
   * was begun.
   */
  void dropMerge(NixStore target, Operation operation) throws IOException, InterruptedException;

  /**
   * What a store is made of.
   *
   * @param paths rows in the database
   * @param narBytes the sum of their NAR sizes
   * @param inodes distinct files, symlinks and directories, of valid paths and {@code .links}
   * @param diskBytes what they take, each inode once, rounded up to 4096
   */
  record Measure(long paths, long narBytes, long inodes, long diskBytes) {
    /** A kilobyte of metadata for each, which is kept twice. */
    private static final long METADATA = 2 << 10;

    /** What they take where inodes are no tables of their own, as on btrfs; about. */
    public long bytesWithInodes() {
      return diskBytes + inodes * METADATA;
    }
  }

  /**
   * One copy of one store. The steps are called once each and in this order, {@link #finish} or
   * {@link #commit} last. Not thread-safe.
   */
  interface CopySession extends AutoCloseable {
    /**
     * Copies all valid store paths and {@code .links}; returns when they are on the device, and,
     * unless the request says not to, were read back from it and compared.
     *
     * @throws org.nixwsl.storage.error.IntegrityException {@code TARGET_DAMAGED}
     */
    void copyPaths(StageProgress progress) throws IOException, InterruptedException;

    /**
     * Copies profiles, roots, logs, then the database, last and in one step.
     *
     * @throws org.nixwsl.storage.error.ConflictException {@code STORE_CHANGED} if the source did
     *     not stand still
     */
    void copyState(StageProgress progress) throws IOException, InterruptedException;

    /**
     * Reads back from the target's device what was not read back yet, and compares it with what was
     * copied: store paths, database, profiles and roots.
     *
     * @throws org.nixwsl.storage.error.IntegrityException {@code TARGET_DAMAGED}
     */
    void prove(StageProgress progress) throws IOException, InterruptedException;

    /**
     * Ends a copy that gets no id: what made it resumable is removed, and the target is a store
     * like any other. Called instead of {@link #commit}.
     */
    void finish() throws IOException, InterruptedException;

    /** Writes the id file {@code .nix-storage-id} into the target, durably and in one step. */
    void commit(UUID storageId) throws IOException, InterruptedException;

    /** What was done so far. */
    CopyReport report();

    /** Lets go of locks; what was copied stays. Idempotent. */
    @Override
    void close();
  }
}
