package org.nixwsl.storage.testkit.wsl.command;

import java.util.List;
import java.util.Map;

/**
 * What WSL says to people, in four of its languages. The sentences are the simulator's own: no
 * program may depend on them.
 */
final class Prose {
  private static final List<String> LANGUAGES = List.of("en", "de", "ja", "zh");

  private static final Map<String, List<String>> TEXTS =
      Map.ofEntries(
          Map.entry(
              "failed",
              List.of(
                  "The operation did not succeed.",
                  "Der Vorgang wurde nicht ausgeführt.",
                  "操作は完了しませんでした。",
                  "操作未成功。")),
          Map.entry("code", List.of("Error code: ", "Fehlercode: ", "エラー コード: ", "错误代码: ")),
          Map.entry(
              "usage",
              List.of(
                  "Copyright. Usage: wsl.exe [Argument] [Options...] [CommandLine]",
                  "Verwendung: wsl.exe [Argument] [Optionen...] [Befehlszeile]",
                  "使用法: wsl.exe [引数] [オプション...] [コマンド ライン]",
                  "用法: wsl.exe [参数] [选项...] [命令行]")),
          Map.entry(
              "mounted",
              List.of(
                  "The disk is mounted as '%s'. Detach it with 'wsl.exe --unmount %s'.",
                  "Der Datenträger ist als „%s“ eingebunden. Trennen mit „wsl.exe --unmount %s“.",
                  "ディスクは '%s' としてマウントされました。'wsl.exe --unmount %s' で切断できます。",
                  "磁盘已装载为“%s”。使用“wsl.exe --unmount %s”分离。")),
          Map.entry(
              "notMounted",
              List.of(
                  "The disk is attached, but could not be mounted: %s (step %s).",
                  "Der Datenträger ist angefügt, konnte aber nicht eingebunden werden: %s (%s).",
                  "ディスクは接続されましたが、マウントできませんでした: %s (%s)。",
                  "磁盘已附加，但无法装载: %s (%s)。")),
          Map.entry(
              "notUnmounted",
              List.of(
                  "The disk could not be unmounted: %s (step %s). 'wsl.exe --shutdown' detaches it.",
                  "Der Datenträger konnte nicht getrennt werden: %s (%s). Siehe --shutdown.",
                  "ディスクのマウントを解除できませんでした: %s (%s)。",
                  "无法卸载磁盘: %s (%s)。")),
          Map.entry(
              "noneRuns",
              List.of(
                  "No distribution is running.",
                  "Keine Distribution wird ausgeführt.",
                  "実行中のディストリビューションはありません。",
                  "没有正在运行的分发。")),
          Map.entry(
              "noDistribution",
              List.of(
                  "No distribution is installed. 'wsl.exe --install' installs one.",
                  "Es ist keine Distribution installiert. Siehe „wsl.exe --install“.",
                  "ディストリビューションがインストールされていません。",
                  "没有已安装的分发。")),
          Map.entry(
              "list",
              List.of(
                  "Distributions of Windows Subsystem for Linux:",
                  "Distributionen des Windows-Subsystems für Linux:",
                  "Linux 用 Windows サブシステム ディストリビューション:",
                  "适用于 Linux 的 Windows 子系统分发:")),
          Map.entry("default", List.of(" (Default)", " (Standard)", " (既定)", "(默认值)")),
          Map.entry(
              "version", List.of("WSL version: ", "WSL-Version: ", "WSL バージョン: ", "WSL 版本: ")),
          Map.entry(
              "kernel", List.of("Kernel version: ", "Kernelversion: ", "カーネル バージョン: ", "内核版本: ")),
          Map.entry(
              "status",
              List.of(
                  "Default distribution: %s", "Standarddistribution: %s", "既定の配布: %s", "默认分发: %s")),
          Map.entry(
              "statusVersion",
              List.of("Default version: %s", "Standardversion: %s", "既定のバージョン: %s", "默认版本: %s")),
          Map.entry(
              "done",
              List.of(
                  "The operation completed successfully. ",
                  "Der Vorgang wurde erfolgreich beendet. ",
                  "この操作を正しく終了しました。 ",
                  "操作成功完成。 ")),
          Map.entry(
              "fileIsDisk",
              List.of(
                  "The file is a disk: --vhd is missing.",
                  "Die Datei ist ein Datenträger: --vhd fehlt.",
                  "ファイルはディスクです。--vhd を指定してください。",
                  "该文件是磁盘: 缺少 --vhd。")));

  private final int language;

  /** In a language; English for one that is not known. */
  Prose(String language) {
    this.language = Math.max(0, LANGUAGES.indexOf(language));
  }

  /** A sentence with its blanks filled in. */
  String say(String what, Object... values) {
    String text = TEXTS.getOrDefault(what, List.of(what, what, what, what)).get(language);
    return values.length == 0 ? text : String.format(text, values);
  }
}
