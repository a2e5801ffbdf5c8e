package org.nixwsl.storage.core.vhdx.findings;

import org.nixwsl.storage.disk.DiskCheck.Severity;
import org.nixwsl.storage.error.ErrorCode;

/**
 * The rules of a VHDX, by the stable name that a finding carries. {@code docs/vhdx-findings.md} has
 * a line for each. An error is what makes Windows refuse the file or data differ; a strict reader
 * refuses on it with the given {@link ErrorCode}.
 */
public enum FindingCode {
  /** The file does not begin with the signature. */
  NOT_A_VHDX(ErrorCode.NOT_A_VHDX),
  /** The file ends inside its first MiB. */
  FILE_TRUNCATED(ErrorCode.VHDX_CORRUPT),
  /** The file is longer than 128 TiB. */
  FILE_TOO_LARGE(ErrorCode.VHDX_UNSUPPORTED),
  /** The length of the file is no multiple of 1 MiB. */
  FILE_LENGTH,

  /** One copy of the header is not valid. */
  HEADER_INVALID,
  /** No copy of the header is valid. */
  NO_VALID_HEADER(ErrorCode.VHDX_CORRUPT),
  /** Two different headers with one sequence number. */
  HEADERS_AMBIGUOUS(ErrorCode.VHDX_CORRUPT),
  /** Both headers are the same, sequence number included. */
  HEADERS_EQUAL,
  /** The older header carries other ids. */
  HEADERS_DIFFER,
  /** The format version is not 1. */
  FORMAT_VERSION(ErrorCode.VHDX_UNSUPPORTED),
  /** A log of an unknown version is to be replayed. */
  LOG_VERSION(ErrorCode.VHDX_UNSUPPORTED),
  /** An unknown log version, but no log to replay. */
  LOG_VERSION_UNUSED,
  /** The place of the log makes no sense. */
  LOG_EXTENT(ErrorCode.VHDX_CORRUPT),

  /** One copy of the region table is not valid. */
  REGION_TABLE_INVALID,
  /** No copy of the region table is valid. */
  NO_VALID_REGION_TABLE(ErrorCode.VHDX_CORRUPT),
  /** Both copies of the region table are valid and differ. */
  REGION_TABLES_DIFFER(ErrorCode.VHDX_CORRUPT),
  /** More regions than a table can hold. */
  REGION_COUNT(ErrorCode.VHDX_CORRUPT),
  /** The place of a region makes no sense. */
  REGION_EXTENT(ErrorCode.VHDX_CORRUPT),
  /** A region is listed twice. */
  REGION_DUPLICATE(ErrorCode.VHDX_CORRUPT),
  /** A region overlaps another one or the log. */
  REGION_OVERLAP(ErrorCode.VHDX_CORRUPT),
  /** An unknown region is marked as required. */
  REGION_UNKNOWN(ErrorCode.VHDX_UNSUPPORTED),
  /** The block table or the metadata region is not listed. */
  REGION_MISSING(ErrorCode.VHDX_CORRUPT),
  /** A region that every disk needs is not marked as required. */
  REGION_NOT_REQUIRED,

  /** The metadata table has no signature. */
  METADATA_SIGNATURE(ErrorCode.VHDX_CORRUPT),
  /** More metadata items than allowed. */
  METADATA_COUNT(ErrorCode.VHDX_CORRUPT),
  /** The place of a metadata item makes no sense. */
  METADATA_ITEM_EXTENT(ErrorCode.VHDX_CORRUPT),
  /** A metadata item is listed twice. */
  METADATA_ITEM_DUPLICATE(ErrorCode.VHDX_CORRUPT),
  /** Two metadata items overlap. */
  METADATA_ITEM_OVERLAP(ErrorCode.VHDX_CORRUPT),
  /** An unknown metadata item is marked as required. */
  METADATA_ITEM_UNKNOWN(ErrorCode.VHDX_UNSUPPORTED),
  /** A metadata item that every disk needs is missing. */
  METADATA_ITEM_MISSING(ErrorCode.VHDX_CORRUPT),
  /** A known metadata item has the wrong length. */
  METADATA_ITEM_LENGTH(ErrorCode.VHDX_CORRUPT),
  /** A known metadata item has unusual flags. */
  METADATA_ITEM_FLAGS,
  /** Reserved fields or bits of the metadata table are set. */
  METADATA_RESERVED,
  /** The block size is not allowed. */
  BLOCK_SIZE(ErrorCode.VHDX_CORRUPT),
  /** Unknown bits are set in the file parameters. */
  FILE_PARAMETERS_RESERVED(ErrorCode.VHDX_CORRUPT),
  /** The virtual size is not allowed. */
  VIRTUAL_SIZE(ErrorCode.VHDX_CORRUPT),
  /** A sector size is not allowed. */
  SECTOR_SIZE(ErrorCode.VHDX_CORRUPT),
  /** A parent locator where none belongs, or none where one belongs. */
  PARENT_LOCATOR_PRESENCE(ErrorCode.VHDX_CORRUPT),
  /** The parent locator cannot be read. */
  PARENT_LOCATOR_INVALID(ErrorCode.VHDX_CORRUPT),
  /** The parent locator is of an unknown type. */
  PARENT_LOCATOR_TYPE,

  /** The log has to be replayed. */
  LOG_DIRTY,
  /** A log is announced, but no entries that could be replayed are there. */
  LOG_EMPTY(ErrorCode.VHDX_CORRUPT),
  /** The file is shorter than it was when the log was written. */
  LOG_FILE_TRUNCATED(ErrorCode.VHDX_CORRUPT),
  /** The log says that the file reaches to a senseless place. */
  LOG_FILE_END(ErrorCode.VHDX_CORRUPT),
  /** The log wants to change what a log must not change. */
  LOG_TARGET(ErrorCode.VHDX_CORRUPT),
  /** The log has more changes than can be laid over the file in memory. */
  LOG_TOO_LARGE(ErrorCode.VHDX_UNSUPPORTED),

  /** The region of the block table cannot hold all entries. */
  BAT_TOO_SMALL(ErrorCode.VHDX_CORRUPT),
  /** Reserved bits of a block table entry are set. */
  BAT_RESERVED_BITS(ErrorCode.VHDX_CORRUPT),
  /** A block has a state that a disk of its type must not have. */
  BAT_STATE(ErrorCode.VHDX_CORRUPT),
  /** A block is said to be in the first MiB. */
  BAT_OFFSET(ErrorCode.VHDX_CORRUPT),
  /** A block reaches past the end of the file. */
  BAT_PAST_END(ErrorCode.VHDX_CORRUPT),
  /** A block overlaps another block, a region or the log. */
  BAT_OVERLAP(ErrorCode.VHDX_CORRUPT),
  /** A partly present block has no sector bitmap. */
  BAT_BITMAP_MISSING(ErrorCode.VHDX_CORRUPT),
  /** A block of zeros has a place in the file. */
  BAT_ZERO_OFFSET,
  /** Room in the file that nothing uses. */
  SPACE_UNUSED,

  /** The parent is at none of the places that the disk names. */
  PARENT_NOT_FOUND(ErrorCode.VHDX_PARENT_NOT_FOUND),
  /** The parent is said to be outside the folder of the disk, and was not looked at. */
  PARENT_OUTSIDE,
  /** What is in the place of the parent is not the disk that the child was made from. */
  PARENT_MISMATCH(ErrorCode.VHDX_PARENT_MISMATCH),
  /** A parent is there and cannot be read. */
  PARENT_UNUSABLE(ErrorCode.VHDX_CORRUPT);

  private final Severity severity;
  private final ErrorCode errorCode;

  /** A warning. */
  FindingCode() {
    this.severity = Severity.WARNING;
    this.errorCode = ErrorCode.VHDX_CORRUPT;
  }

  /** An error. */
  FindingCode(ErrorCode errorCode) {
    this.severity = Severity.ERROR;
    this.errorCode = errorCode;
  }

  /** What a refusal to read the parents of a disk is as a finding. */
  public static FindingCode ofParent(ErrorCode code) {
    return switch (code) {
      case VHDX_PARENT_NOT_FOUND -> PARENT_NOT_FOUND;
      case VHDX_PARENT_OUTSIDE -> PARENT_OUTSIDE;
      case VHDX_PARENT_MISMATCH -> PARENT_MISMATCH;
      default -> PARENT_UNUSABLE;
    };
  }

  /** How bad it is. */
  public Severity severity() {
    return severity;
  }

  /** What a strict reader refuses with. */
  ErrorCode errorCode() {
    return errorCode;
  }

  /** What a user can do about the refusal. */
  String remedy() {
    if (errorCode == ErrorCode.NOT_A_VHDX) {
      return "Name a VHDX file.";
    }
    return errorCode == ErrorCode.VHDX_UNSUPPORTED
        ? "Use the program that made the file."
        : "Take the file from a backup; a check lists all that is wrong with it.";
  }
}
