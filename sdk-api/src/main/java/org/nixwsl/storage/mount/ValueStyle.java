package org.nixwsl.storage.mount;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.immutables.value.Value;

/**
 * How the generated values of this package look: hidden classes, strict builders, JDK types only.
 */
@Value.Style(
    visibility = Value.Style.ImplementationVisibility.PACKAGE,
    overshadowImplementation = true,
    jdkOnly = true,
    strictBuilder = true,
    allowedClasspathAnnotations = {Override.class})
@Retention(RetentionPolicy.SOURCE)
@Target(ElementType.TYPE)
@interface ValueStyle {}
