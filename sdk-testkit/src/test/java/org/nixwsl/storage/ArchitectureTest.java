package org.nixwsl.storage;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.conditions.ArchConditions.haveSimpleNameEndingWith;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The arrows between modules and packages, and who may do what. */
@Tag("once")
class ArchitectureTest {
  private static final String ROOT = "org.nixwsl.storage";
  private static final String CORE = ROOT + ".core..";
  private static final String LINUX = ROOT + ".linux..";
  private static final String WINDOWS = ROOT + ".windows..";
  private static final String TESTKIT = ROOT + ".testkit..";
  private static final String[] BELOW_API = {CORE, LINUX, WINDOWS, TESTKIT};

  private final JavaClasses sdk =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(ROOT);

  @Test
  void theApiKnowsOnlyTheJdkAndItself() {
    classes()
        .that()
        .resideOutsideOfPackages(BELOW_API)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(
                    "java..",
                    "org.jspecify.annotations..",
                    // names in class files only: nothing of it is loaded or needed at run time
                    "org.immutables.value..",
                    ROOT + "..")
                .and(resideInAnyPackage(BELOW_API).negate()))
        .check(sdk);
  }

  @Test
  void theCoreKnowsNoPlatform() {
    noClasses()
        .that()
        .resideInAPackage(CORE)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, WINDOWS, TESTKIT)
        .check(sdk);
  }

  @Test
  void thePlatformsDoNotKnowEachOther() {
    noClasses()
        .that()
        .resideInAPackage(LINUX)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(WINDOWS, TESTKIT)
        .check(sdk);
    noClasses()
        .that()
        .resideInAPackage(WINDOWS)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(LINUX, TESTKIT)
        .check(sdk);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(sdk);
  }

  @Test
  void onlyTheProcessPackageStartsProcesses() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".core.process")
        .should()
        .dependOnClassesThat(
            resideInAPackage("org.zeroturnaround..").or(assignableTo(ProcessBuilder.class)))
        .orShould()
        .callMethodWhere(target(owner(assignableTo(Runtime.class))).and(target(name("exec"))))
        .check(sdk);
  }

  @Test
  void onlyTheRunPackageKnowsTheRetryLibrary() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".core.run")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.failsafe..")
        .check(sdk);
  }

  @Test
  void onlyTheStoreDatabaseAndTheFixturesKnowSqlite() {
    noClasses()
        .that()
        .resideOutsideOfPackages(LINUX, TESTKIT)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.sqlite..", "java.sql..")
        .check(sdk);
  }

  @Test
  void nothingPrintsSleepsOrUsesOldFiles() {
    noClasses()
        .should()
        .accessField(System.class, "out")
        .orShould()
        .accessField(System.class, "err")
        .orShould()
        .callMethod(Thread.class, "sleep", long.class)
        .orShould()
        .callMethod(Path.class, "toFile")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.io.File")
        .orShould()
        .dependOnClassesThat()
        .resideInAPackage("java.util.logging..")
        .check(sdk);
  }

  @Test
  void namesSayWhatIsSpecialAboutAClass() {
    noClasses()
        .should(haveSimpleNameEndingWith("Impl"))
        .orShould(haveSimpleNameEndingWith("Util"))
        .orShould(haveSimpleNameEndingWith("Utils"))
        .orShould(haveSimpleNameEndingWith("Helper"))
        .check(sdk);
  }

  @Test
  void everyPackageIsNullMarked() {
    Set<String> unmarked =
        sdk.stream()
            .map(c -> c.getPackage())
            .filter(p -> !p.isAnnotatedWith(NullMarked.class))
            .map(JavaPackage::getName)
            .collect(Collectors.toSet());
    assertThat(unmarked).isEmpty();
  }

  @Test
  void onlyTheApiIsExportedToTheWorld() throws IOException {
    assertThat(exportedToAll("sdk-api"))
        .containsExactlyInAnyOrder(
            ROOT,
            ROOT + ".config",
            ROOT + ".disk",
            ROOT + ".error",
            ROOT + ".event",
            ROOT + ".migrate",
            ROOT + ".mount",
            ROOT + ".store");
    for (String closed : Set.of("sdk-core", "sdk-linux", "sdk-windows")) {
      assertThat(exportedToAll(closed)).as(closed).isEmpty();
    }
  }

  private static Set<String> exportedToAll(String module) throws IOException {
    Path descriptor = Path.of("..", module, "target", "classes", "module-info.class");
    try (InputStream in = Files.newInputStream(descriptor)) {
      return ModuleDescriptor.read(in).exports().stream()
          .filter(e -> !e.isQualified())
          .map(ModuleDescriptor.Exports::source)
          .collect(Collectors.toSet());
    }
  }
}
