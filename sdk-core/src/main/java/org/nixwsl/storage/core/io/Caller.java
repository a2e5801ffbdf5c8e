package org.nixwsl.storage.core.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/** The user that this process acts as. */
public final class Caller {
  /** The number of the user who may do everything. */
  public static final int ROOT = 0;

  /**
   * A directory of the kernel's that belongs to the effective user of this process; the links in
   * {@code /proc/self} belong to root for processes that may not be traced, and so would {@code
   * /proc/self} itself when asked without following it (proc(5)).
   */
  private static final Path OWN = Path.of("/proc/self/task");

  private Caller() {}

  /** The number of the effective user. */
  public static int uid() throws IOException {
    return (Integer) Files.getAttribute(OWN, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  /** Whether this process acts as root. */
  public static boolean isRoot() throws IOException {
    return uid() == ROOT;
  }
}
