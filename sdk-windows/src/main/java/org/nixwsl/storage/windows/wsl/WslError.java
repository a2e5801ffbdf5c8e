package org.nixwsl.storage.windows.wsl;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.error.ErrorCode;

/**
 * The errors that {@code wsl.exe} reports, and what each means for the SDK. The constants are named
 * as WSL prints them. The numbers are those of {@code wslservice.idl} in microsoft/WSL and of the
 * Windows headers (winerror.h): a version of WSL that has no name for an error prints its number.
 */
public enum WslError {
  WSL_E_DEFAULT_DISTRO_NOT_FOUND(
      0x80040301, Treatment.NEEDS_USER, ErrorCode.DISTRO_NOT_FOUND, Remedies.NO_DISTRO),
  WSL_E_DISTRO_NOT_FOUND(
      0x80040302, Treatment.NEEDS_USER, ErrorCode.DISTRO_NOT_FOUND, Remedies.NO_DISTRO),
  WSL_E_WSL1_NOT_SUPPORTED(
      0x80040303, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.WSL2),
  WSL_E_VM_MODE_NOT_SUPPORTED(0x80040304, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  WSL_E_TOO_MANY_DISKS_ATTACHED(
      0x80040305, Treatment.NEEDS_USER, ErrorCode.WSL_FAILED, Remedies.DISKS),
  WSL_E_CUSTOM_KERNEL_NOT_FOUND(
      0x80040307, Treatment.NEEDS_USER, ErrorCode.WSL_FAILED, Remedies.WSLCONFIG),
  WSL_E_USER_NOT_FOUND(0x80040308, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.REPORT),
  WSL_E_INVALID_USAGE(0x80040309, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.UPDATE),
  WSL_E_EXPORT_FAILED(0x8004030A, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_IMPORT_FAILED(0x8004030B, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_DISTRO_NOT_STOPPED(0x8004030C, Treatment.REPAIR, ErrorCode.WSL_FAILED, Remedies.SHUTDOWN),
  WSL_E_TTY_LIMIT(0x8004030D, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.REPORT),
  WSL_E_CUSTOM_SYSTEM_DISTRO_ERROR(
      0x8004030E, Treatment.NEEDS_USER, ErrorCode.WSL_FAILED, Remedies.WSLCONFIG),
  WSL_E_LOWER_INTEGRITY(0x8004030F, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  WSL_E_HIGHER_INTEGRITY(0x80040310, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  WSL_E_FS_UPGRADE_NEEDED(0x80040311, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  WSL_E_USER_VHD_ALREADY_ATTACHED(
      0x80040312, Treatment.DONE, ErrorCode.VHDX_IN_USE, Remedies.DETACH),
  WSL_E_VM_MODE_INVALID_STATE(0x80040313, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  WSL_E_VM_MODE_MOUNT_NAME_ALREADY_EXISTS(
      0x80040314, Treatment.REPAIR, ErrorCode.ALREADY_EXISTS, Remedies.NAME),
  WSL_E_ELEVATION_NEEDED_TO_MOUNT_DISK(
      0x80040315, Treatment.NEEDS_USER, ErrorCode.ACCESS_DENIED, Remedies.ELEVATE),
  WSL_E_DISK_ALREADY_ATTACHED(0x80040318, Treatment.DONE, ErrorCode.VHDX_IN_USE, Remedies.DETACH),
  WSL_E_DISK_ALREADY_MOUNTED(0x80040319, Treatment.DONE, ErrorCode.NOT_MOUNTED, Remedies.STALE),
  WSL_E_DISK_MOUNT_FAILED(0x8004031A, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_DISK_UNMOUNT_FAILED(
      0x8004031B, Treatment.PERMANENT, ErrorCode.STORAGE_BUSY, Remedies.TERMINATE),
  WSL_E_WSL2_NEEDED(0x8004031C, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.WSL2),
  WSL_E_VM_MODE_INVALID_MOUNT_NAME(
      0x8004031D, Treatment.PERMANENT, ErrorCode.BAD_SETTING, Remedies.NAME),
  WSL_E_WSL_MOUNT_NOT_SUPPORTED(
      0x80040320, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.WINDOWS),
  WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED(
      0x80040321, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.INSTALL),
  WSL_E_NOT_A_LINUX_DISTRO(0x80040326, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_OS_NOT_SUPPORTED(
      0x80040327, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.WINDOWS),
  WSL_E_DISK_MOUNT_DISABLED(
      0x8004032B, Treatment.NEEDS_USER, ErrorCode.ACCESS_DENIED, Remedies.POLICY),
  WSL_E_VIRTUAL_MACHINE_PLATFORM_REQUIRED(
      0x8004032D, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.VIRTUAL),
  WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED(
      0x8004032E, Treatment.PERMANENT, ErrorCode.ACCESS_DENIED, Remedies.ACCOUNT),
  WSL_E_DISK_CORRUPTED(0x8004032F, Treatment.NEEDS_USER, ErrorCode.VHDX_CORRUPT, Remedies.FSCK),
  WSL_E_DISTRIBUTION_NAME_NEEDED(
      0x80040330, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_INVALID_JSON(0x80040331, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  WSL_E_VM_CRASHED(0x80040332, Treatment.ONCE, ErrorCode.WSL_FAILED, Remedies.RETRY),
  ERROR_FILE_NOT_FOUND(0x80070002, Treatment.NEEDS_USER, ErrorCode.NOT_FOUND, Remedies.PATH),
  ERROR_PATH_NOT_FOUND(0x80070003, Treatment.BRIEFLY, ErrorCode.NOT_FOUND, Remedies.PATH),
  E_ACCESSDENIED(0x80070005, Treatment.BRIEFLY, ErrorCode.ACCESS_DENIED, Remedies.OWNER),
  ERROR_INVALID_DRIVE(0x8007000F, Treatment.BRIEFLY, ErrorCode.NOT_FOUND, Remedies.PATH),
  ERROR_NOT_READY(0x80070015, Treatment.BRIEFLY, ErrorCode.NOT_FOUND, Remedies.PATH),
  ERROR_SHARING_VIOLATION(0x80070020, Treatment.TRANSIENT, ErrorCode.VHDX_IN_USE, Remedies.DETACH),
  ERROR_FILE_EXISTS(0x80070050, Treatment.PERMANENT, ErrorCode.ALREADY_EXISTS, Remedies.OUTPUT),
  E_INVALIDARG(0x80070057, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.UPDATE),
  ERROR_DRIVE_LOCKED(0x8007006C, Treatment.NEEDS_USER, ErrorCode.ACCESS_DENIED, Remedies.LOCKED),
  ERROR_DISK_FULL(0x80070070, Treatment.NEEDS_USER, ErrorCode.NO_SPACE, Remedies.ROOM),
  ERROR_INVALID_NAME(0x8007007B, Treatment.BRIEFLY, ErrorCode.NOT_FOUND, Remedies.PATH),
  ERROR_FILE_CORRUPT(0x80070570, Treatment.NEEDS_USER, ErrorCode.VHDX_CORRUPT, Remedies.CHECK),
  E_ILLEGAL_STATE_CHANGE(0x8000000D, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  E_NOTIMPL(0x80004001, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.WSL2),
  E_ABORT(0x80004004, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  E_FAIL(0x80004005, Treatment.PERMANENT, ErrorCode.WSL_FAILED, Remedies.OUTPUT),
  ERROR_OPERATION_ABORTED(0x800703E3, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  RPC_S_SERVER_UNAVAILABLE(0x800706BA, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  RPC_S_CALL_FAILED(0x800706BE, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  RPC_E_DISCONNECTED(0x80010108, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  HCS_E_HYPERV_NOT_INSTALLED(
      0x80370102, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.VIRTUAL),
  HCS_E_TERMINATED(0x80370107, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  HCS_E_CONNECTION_TIMEOUT(0x80370109, Treatment.TRANSIENT, ErrorCode.WSL_FAILED, Remedies.RETRY),
  HCS_E_SERVICE_NOT_AVAILABLE(
      0x80370114, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.VIRTUAL),
  REGDB_E_CLASSNOTREG(
      0x80040154, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.INSTALL),
  ERROR_SERVICE_DOES_NOT_EXIST(
      0x80070424, Treatment.NEEDS_USER, ErrorCode.WSL_NOT_AVAILABLE, Remedies.INSTALL);

  /** What the SDK does about an error. */
  public enum Treatment {
    /** What was asked for is so already; to be proven. */
    DONE(Duration.ZERO),
    /** The SDK can mend the cause, then try once more. */
    REPAIR(Duration.ZERO),
    /**
     * Goes away by itself: tried again for a time. WSL does not try again to attach a VHDX that a
     * scanner or a backup holds, and a machine that is going down takes as long.
     */
    TRANSIENT(Duration.ofSeconds(30)),
    /**
     * May go away by itself, as when a virus scanner looks at a new file or a drive comes late at
     * the logon; mostly it does not, so that it is tried again only for a moment.
     */
    BRIEFLY(Duration.ofSeconds(5)),
    /** Tried again at once and no more: a second time it is no accident. */
    ONCE(Duration.ofSeconds(1)),
    /** Someone has to do something on the machine. */
    NEEDS_USER(Duration.ZERO),
    /** Will fail again whatever is done. */
    PERMANENT(Duration.ZERO);

    private final Duration patience;

    Treatment(Duration patience) {
      this.patience = patience;
    }

    /** How long after its first appearance it is tried again; zero for what is not. */
    public Duration patience() {
      return patience;
    }
  }

  private static final Map<String, WslError> BY_SYMBOL =
      Stream.of(values())
          .flatMap(error -> Stream.of(Map.entry(error.name(), error), Map.entry(hex(error), error)))
          .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));

  private final int number;
  private final Treatment treatment;
  private final ErrorCode code;
  private final String remedy;

  WslError(int number, Treatment treatment, ErrorCode code, String remedy) {
    this.number = number;
    this.treatment = treatment;
    this.code = code;
    this.remedy = remedy;
  }

  /** The error of a name, or of a number as {@code 0x} and up to eight hexadecimal digits. */
  public static Optional<WslError> of(String symbol) {
    return Optional.ofNullable(
        BY_SYMBOL.get(symbol.startsWith("0x") ? symbol.toLowerCase(Locale.ROOT) : symbol));
  }

  /** What to do about it. */
  public Treatment treatment() {
    return treatment;
  }

  /** The SDK's name for it. */
  public ErrorCode code() {
    return code;
  }

  /** What the user can do about it. */
  public String remedy() {
    return remedy;
  }

  private static String hex(WslError error) {
    return String.format(Locale.ROOT, "0x%08x", error.number);
  }

  /** Constants of an enum cannot use its own fields; what several of them say stands here. */
  private static final class Remedies {
    private static final String NO_DISTRO =
        "Run `wsl --list --verbose` as the Windows user who owns the instance and use a name from there.";
    private static final String WSL2 =
        "Only WSL 2 can do this: install a WSL 2 instance, or convert one with `wsl --set-version NAME 2`.";
    private static final String DISKS =
        "Detach disks that are not needed with `wsl --unmount PATH`.";
    private static final String WSLCONFIG =
        "Correct the paths in the file .wslconfig of the Windows user.";
    private static final String REPORT = "Report this as a bug of the SDK, with the output.";
    private static final String UPDATE =
        "Update WSL with `wsl --update`: this version does not know what was asked of it.";
    private static final String OUTPUT = "Mend what the output complains about and call again.";
    private static final String SHUTDOWN =
        "Stop all instances with `wsl --shutdown` and call again.";
    private static final String DETACH =
        "Detach the file where it is in use (Disk Management, another virtual machine, a backup, another path to it), or run `wsl --shutdown`, and call again.";
    private static final String NAME =
        "Use another mount name, or detach the disk that has this one.";
    private static final String ELEVATE =
        "Attaching a physical disk needs administrator rights: call again from an elevated shell of the same Windows user, or use a VHDX file, which needs none.";
    private static final String STALE =
        "WSL believes the disk to be mounted where it is not: stop all instances with `wsl --shutdown` and call again.";
    private static final String TERMINATE =
        "Stop the instances that use the disk with `wsl --terminate NAME` and call again.";
    private static final String WINDOWS =
        "Update Windows: this version cannot attach disks to WSL.";
    private static final String INSTALL =
        "Install or repair WSL with `wsl --install --no-distribution` and call again.";
    private static final String POLICY =
        "Ask the administrator of this machine to allow disk mounts in WSL (policy AllowDiskMount).";
    private static final String VIRTUAL =
        "Switch on virtualisation in the firmware and the Windows feature Virtual Machine Platform.";
    private static final String ACCOUNT =
        "Run this as the Windows user who owns the instance, not as SYSTEM.";
    private static final String FSCK =
        "Stop the instance and check the file system of its disk with e2fsck.";
    private static final String CHECK =
        "Check the VHDX and restore it from a backup where it is damaged.";
    private static final String RETRY = "WSL was stopping, starting or being updated: call again.";
    private static final String PATH =
        "Check that the drive is connected and that the file is still there under that path.";
    private static final String OWNER =
        "Make the Windows user the owner of the file (`icacls FILE /setowner USER` from an elevated shell): one made by an elevated program belongs to Administrators. If the user is the owner already, exclude the file from the virus scanner, or call once from an elevated shell of the same user.";
    private static final String LOCKED = "Unlock the drive (BitLocker) and call again.";
    private static final String ROOM = "Make room on the Windows volume that holds the file.";
  }
}
