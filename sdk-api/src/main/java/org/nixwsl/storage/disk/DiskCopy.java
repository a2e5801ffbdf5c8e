package org.nixwsl.storage.disk;

import java.time.Duration;

/**
 * What a copy of a disk has come to.
 *
 * @param disk the copy
 * @param dataBytes how much was written; what is zeros takes no space in a dynamic disk
 * @param contentsDigest SHA-256 in hexadecimal over the contents without their zeros: the virtual
 *     size as eight bytes, then for each mebibyte of the disk that is not all zeros its offset as
 *     eight bytes and its bytes, the last one cut at the end of the disk; numbers are big-endian.
 *     Equal for disks of equal contents, whatever their block size. Computed from the source while
 *     it was read, and found again in the copy
 * @param duration how long copying and reading back took
 */
public record DiskCopy(
    DiskInfo disk, ByteSize dataBytes, String contentsDigest, Duration duration) {}
