package org.nixwsl.storage.core.guest;

import static org.nixwsl.storage.core.guest.GuestWire.flag;
import static org.nixwsl.storage.core.guest.GuestWire.map;
import static org.nixwsl.storage.core.guest.GuestWire.maps;
import static org.nixwsl.storage.core.guest.GuestWire.number;
import static org.nixwsl.storage.core.guest.GuestWire.object;
import static org.nixwsl.storage.core.guest.GuestWire.optionalText;
import static org.nixwsl.storage.core.guest.GuestWire.strings;
import static org.nixwsl.storage.core.guest.GuestWire.text;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigChange.FileChange;
import org.nixwsl.storage.config.ConfigChange.ImportState;
import org.nixwsl.storage.config.ConfigCheck;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigCheck.Step;
import org.nixwsl.storage.config.ConfigFinding;
import org.nixwsl.storage.config.ConfigFinding.Basis;
import org.nixwsl.storage.config.ConfigFinding.Rule;
import org.nixwsl.storage.config.DataDirectory;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.config.WslConfOption;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.StorageLayout;

/** The calls about the NixOS module: their names, their values, who answers. */
final class ModuleWire {
  static final String WRITE = "writeModule";
  static final String VALIDATE = "validateConfiguration";
  static final String REMOVE = "removeModule";

  private ModuleWire() {}

  /** The guest's side: does what a call says; empty if the call is none of these. */
  static Optional<Map<String, Object>> answer(
      String call, Map<String, Object> arguments, NixConfigWriter config, Operation operation) {
    return switch (call) {
      case WRITE ->
          Optional.of(
              change(
                  config.write(
                      directory(arguments),
                      settings(map(arguments, "settings")),
                      operation.silent())));
      case VALIDATE ->
          Optional.of(check(config.validate(directory(arguments), operation.silent())));
      case REMOVE -> Optional.of(change(config.remove(directory(arguments), operation.silent())));
      default -> Optional.empty();
    };
  }

  static Map<String, Object> directory(Path directory) {
    return object("directory", GuestWire.path(directory));
  }

  private static Path directory(Map<String, Object> fields) {
    return GuestWire.path(text(fields, "directory"));
  }

  static Map<String, Object> write(Path directory, NixModuleSettings settings) {
    Map<String, Object> fields = directory(directory);
    fields.put("settings", settings(settings));
    return fields;
  }

  static Map<String, Object> settings(NixModuleSettings settings) {
    Map<String, Object> fields =
        object(
            "instance",
            settings.instance().value(),
            "mountName",
            settings.mountName().value(),
            "storageId",
            settings.storageId().toString(),
            "waitSeconds",
            settings.waitSeconds(),
            "verifySchedule",
            settings.verifySchedule(),
            "dataDirectories",
            settings.dataDirectories().stream().map(DataDirectory::path).toList());
    settings.fileSystemUuid().ifPresent(uuid -> fields.put("fileSystemUuid", uuid.toString()));
    fields.put("layout", settings.layout().text());
    settings.autoOptimiseStore().ifPresent(flag -> fields.put("autoOptimiseStore", flag));
    settings.fsyncStorePaths().ifPresent(flag -> fields.put("fsyncStorePaths", flag));
    settings.minFree().ifPresent(size -> fields.put("minFree", size.bytes()));
    settings.maxFree().ifPresent(size -> fields.put("maxFree", size.bytes()));
    settings.gcSchedule().ifPresent(times -> fields.put("gcSchedule", times));
    settings.gcOlderThanDays().ifPresent(days -> fields.put("gcOlderThanDays", days));
    settings.seedGenerations().ifPresent(count -> fields.put("seedGenerations", count));
    Map<String, Object> wslConf = new LinkedHashMap<>();
    settings.wslConf().forEach((option, value) -> wslConf.put(option.name(), value));
    fields.put("wslConf", wslConf);
    return fields;
  }

  static NixModuleSettings settings(Map<String, Object> fields) {
    NixModuleSettings.Builder settings =
        NixModuleSettings.builder()
            .instance(InstanceName.of(text(fields, "instance")))
            .mountName(MountName.of(text(fields, "mountName")))
            .storageId(UUID.fromString(text(fields, "storageId")))
            .waitSeconds(Math.toIntExact(number(fields, "waitSeconds")))
            .verifySchedule(text(fields, "verifySchedule"))
            .fileSystemUuid(optionalText(fields, "fileSystemUuid").map(UUID::fromString))
            .layout(StorageLayout.parse(text(fields, "layout")))
            .gcSchedule(optionalText(fields, "gcSchedule"));
    strings(fields, "dataDirectories")
        .forEach(path -> settings.addDataDirectories(DataDirectory.of(path)));
    if (fields.containsKey("autoOptimiseStore")) {
      settings.autoOptimiseStore(flag(fields, "autoOptimiseStore"));
    }
    if (fields.containsKey("fsyncStorePaths")) {
      settings.fsyncStorePaths(flag(fields, "fsyncStorePaths"));
    }
    if (fields.containsKey("minFree")) {
      settings.minFree(ByteSize.ofBytes(number(fields, "minFree")));
    }
    if (fields.containsKey("maxFree")) {
      settings.maxFree(ByteSize.ofBytes(number(fields, "maxFree")));
    }
    if (fields.containsKey("gcOlderThanDays")) {
      settings.gcOlderThanDays(Math.toIntExact(number(fields, "gcOlderThanDays")));
    }
    if (fields.containsKey("seedGenerations")) {
      settings.seedGenerations(Math.toIntExact(number(fields, "seedGenerations")));
    }
    Map<String, Object> wslConf = map(fields, "wslConf");
    for (String option : wslConf.keySet()) {
      settings.putWslConf(WslConfOption.valueOf(option), text(wslConf, option));
    }
    return settings.build();
  }

  private static Map<String, Object> change(ConfigChange change) {
    Map<String, Object> fields =
        object(
            "module",
            GuestWire.path(change.module()),
            "moduleChange",
            change.moduleChange().name(),
            "importState",
            change.importState().name(),
            "toDo",
            change.toDo());
    change.keptCopy().ifPresent(copy -> fields.put("keptCopy", GuestWire.path(copy)));
    return fields;
  }

  static ConfigChange change(Map<String, Object> fields) {
    return new ConfigChange(
        GuestWire.path(text(fields, "module")),
        FileChange.valueOf(text(fields, "moduleChange")),
        ImportState.valueOf(text(fields, "importState")),
        optionalText(fields, "keptCopy").map(GuestWire::path),
        strings(fields, "toDo"));
  }

  private static Map<String, Object> check(ConfigCheck check) {
    return object(
        "steps",
        check.steps().stream()
            .map(
                step ->
                    object(
                        "name",
                        step.name(),
                        "outcome",
                        step.outcome().name(),
                        "detail",
                        step.detail()))
            .toList(),
        "findings",
        check.findings().stream()
            .map(
                finding ->
                    object(
                        "rule",
                        finding.rule().name(),
                        "basis",
                        finding.basis().name(),
                        "where",
                        finding.where(),
                        "message",
                        finding.message()))
            .toList());
  }

  static ConfigCheck check(Map<String, Object> fields) {
    return new ConfigCheck(
        maps(fields, "steps").stream()
            .map(
                step ->
                    new Step(
                        text(step, "name"),
                        Outcome.valueOf(text(step, "outcome")),
                        text(step, "detail")))
            .toList(),
        maps(fields, "findings").stream()
            .map(
                finding ->
                    new ConfigFinding(
                        Rule.valueOf(text(finding, "rule")),
                        Basis.valueOf(text(finding, "basis")),
                        text(finding, "where"),
                        text(finding, "message")))
            .toList());
  }
}
