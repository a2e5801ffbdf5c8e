package org.nixwsl.storage.mount;

/**
 * The name of an instance's directory on the shared disk.
 *
 * @param value letters, digits, dot, underscore, hyphen; starts with a letter or digit; lower case;
 *     at most 63 characters
 */
public record InstanceName(String value) {
  /** Refuses a name that could be misread as a path, an option or one of our own directories. */
  public InstanceName {
    MountName.requireName("instance", value);
  }

  /** The instance of that name. */
  public static InstanceName of(String value) {
    return new InstanceName(value);
  }

  @Override
  public String toString() {
    return value;
  }
}
