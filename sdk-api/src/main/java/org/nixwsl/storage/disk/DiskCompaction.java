package org.nixwsl.storage.disk;

/**
 * What compacting a VHDX file has done.
 *
 * @param fileSizeBefore the length of the file before
 * @param fileSizeAfter the length of the file now; never more than before
 * @param zeroBlocks blocks of nothing but zeros that are not in the file any more
 * @param movedBlocks blocks that moved from the end of the file into holes before it
 */
public record DiskCompaction(
    ByteSize fileSizeBefore, ByteSize fileSizeAfter, long zeroBlocks, long movedBlocks) {}
