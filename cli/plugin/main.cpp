#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "base/version.h"
#include "cli/plugin/commands.h"
#include "cli/plugin/completion.h"

// kubectl-foreshard: the plugin of kubectl ("kubectl foreshard ..."). It talks to the API server
// that kubectl would talk to, and, for demand, to a Prometheus. What was typed is read here, the
// environment too; commands.h does the rest.

namespace {

using foreshard::model::MigrationType;
namespace plugin = foreshard::plugin;
using plugin::Arguments;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string DefaultKubeconfig() {
  const std::string path = Environment("KUBECONFIG");
  return path.empty() ? Environment("HOME") + "/.kube/config" : path;
}

plugin::Surroundings Where() {
  plugin::Surroundings where;
  where.terminal = ::isatty(STDOUT_FILENO) == 1;
  where.answers = ::isatty(STDIN_FILENO) == 1;
  where.colours = where.terminal && Environment("NO_COLOR").empty();
  winsize size{};
  if (where.terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    where.width = size.ws_col;
  return where;
}

CLI::App* OfSet(CLI::App& app, Arguments& arguments, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("SHARDSET", arguments.name)->required();
  return command;
}

void AddOutput(CLI::App* command, Arguments& arguments) {
  command->add_option("-o,--output", arguments.output, "json, yaml or wide");
  command->add_flag("--json", arguments.json, "as -o json");
}

void DeclareReads(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* show = OfSet(app, arguments, "status", "shards, their load, what runs");
  AddOutput(show, arguments);
  show->final_callback([&] { status = plugin::ShowStatus(arguments); });
  CLI::App* top = OfSet(app, arguments, "top", "load of the shards as bars, live on a terminal");
  top->add_flag("--once", arguments.once, "one picture, then end");
  top->add_option("--every", arguments.every_seconds, "seconds")->check(CLI::Range(1, 3600));
  top->final_callback([&] { status = plugin::Top(arguments, Where()); });
  CLI::App* plan =
      OfSet(app, arguments, "plan", "what the planner wants, why, and what would change it");
  AddOutput(plan, arguments);
  plan->add_option("--what-if", arguments.what_if,
                   "ask again with other load: \"traffic x3 on Friday from 09:00 to 12:00\"");
  plan->final_callback([&] { status = plugin::Plan(arguments); });
  CLI::App* forecast =
      OfSet(app, arguments, "forecast",
            "peaks that are expected; with a Prometheus also demand and quantiles");
  AddOutput(forecast, arguments);
  forecast->add_flag("--plot", arguments.plot, "draw it");
  forecast->add_option("--prometheus", arguments.prometheus, "URL; default: that of the set");
  forecast->add_option("--hours", arguments.hours, "of the past in the picture")
      ->check(CLI::Range(1, 24 * 35));
  forecast->final_callback([&] { status = plugin::Forecast(arguments, Where()); });
}

void DeclareCreates(CLI::App& app, Arguments& arguments, int& status) {
  const auto make = [&](const char* name, const char* help, MigrationType type) {
    CLI::App* command = OfSet(app, arguments, name, help);
    command->add_option("--shard", arguments.source, "who gives")->required();
    command->add_flag("--dry-run", arguments.dry_run, "checks only; nothing is written anywhere");
    command->add_flag("--rehearse", arguments.rehearse,
                      "copy, catch up and verify, then stop before the cutover");
    AddOutput(command, arguments);
    command->final_callback(
        [&arguments, &status, type] { status = plugin::Create(arguments, type); });
    return command;
  };
  CLI::App* split =
      make("split", "give the upper part of a range to another shard", MigrationType::kSplit);
  split->add_option("--at", arguments.at, "bound: what is at or above it leaves")->required();
  split->add_option("--to-shard", arguments.destination, "empty: a new shard");
  CLI::App* move = make("move", "give a whole range to another shard", MigrationType::kMove);
  move->add_option("--from", arguments.from, "lower bound; empty: the lowest");
  move->add_option("--to", arguments.to, "upper bound; empty: the highest");
  move->add_option("--to-shard", arguments.destination, "empty: a new shard");
  CLI::App* merge = make("merge", "give all of a shard to another one", MigrationType::kMerge);
  merge->add_option("--to-shard", arguments.destination)->required();
  CLI::App* isolate =
      make("isolate", "give single keys a new shard of their own", MigrationType::kIsolate);
  isolate->add_option("--key", arguments.keys, "a key; may be repeated")
      ->required()
      ->allow_extra_args(false);
}

void DeclareSwitches(CLI::App& app, Arguments& arguments, int& status) {
  struct Named {
    const char* command;
    const char* field;
    bool value;
    const char* help;
  };
  static constexpr Named kSwitches[] = {
      {"approve", "approved", true, "let a recommended migration begin"},
      {"pause", "paused", true, "stop before the next step"},
      {"resume", "paused", false, "go on"},
      {"abort", "abort", true, "stop it; before the cutover nothing has changed"},
      {"rollback", "rollback", true, "after the cutover, while it soaks: go back"}};
  for (const Named& named : kSwitches) {
    CLI::App* command = app.add_subcommand(named.command, named.help);
    command->add_option("MIGRATION", arguments.name)->required();
    command->final_callback(
        [&, named] { status = plugin::Switch(arguments, named.field, named.value); });
  }
}

void DeclarePrograms(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* psql = OfSet(app, arguments, "psql", "psql through a router");
  psql->add_flag("--direct", arguments.direct,
                 "from inside the cluster: without kubectl port-forward");
  psql->add_option("ARGS", arguments.words, "for psql, after --");
  psql->final_callback([&] { status = plugin::Psql(arguments); });
  CLI::App* logs = OfSet(app, arguments, "logs", "logs of a set's pods");
  logs->add_option("--component", arguments.component, "router, shard, mover or operator")
      ->check(CLI::IsMember({"router", "shard", "mover", "operator"}));
  logs->add_option("--migration", arguments.migration, "only the mover of this one");
  logs->add_flag("-f,--follow", arguments.follow, "go on with what comes");
  logs->add_option("--tail", arguments.tail, "lines of each container");
  logs->add_option("--operator-namespace", arguments.operator_namespace)->capture_default_str();
  logs->final_callback([&] { status = plugin::Logs(arguments); });
  CLI::App* report = OfSet(app, arguments, "report",
                           "a folder to send along when asking for help; no secret in it");
  report->add_option("--directory", arguments.directory, "default: foreshard-report-SHARDSET");
  report->add_option("--operator-namespace", arguments.operator_namespace)->capture_default_str();
  report->final_callback([&] { status = plugin::MakeReport(arguments); });
  CLI::App* completion =
      app.add_subcommand("completion", "script for a shell: bash, zsh, fish or kubectl");
  completion->add_option("SHELL", arguments.name)->required();
  completion->final_callback([&] {
    const auto script = plugin::CompletionScript(arguments.name);
    if (script) {
      fmt::print("{}", *script);
    } else {
      status = plugin::Complain(plugin::kBadUsage, script.error().message);
    }
  });
}

void DeclareVerify(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* verify =
      OfSet(app, arguments, "verify",
            "is each row on the shard that owns its key, do reference tables agree?");
  verify->add_flag("--last", arguments.last, "what the newest look has found; asks for none");
  verify->add_flag("--repair", arguments.repair,
                   "show what was found, ask, and put it aside into foreshard.stray_row");
  verify->add_flag("-y,--yes", arguments.yes, "with --repair: do not ask");
  verify->add_option("--right-copy", arguments.right_copy,
                     "with --repair: the shard whose reference tables are right");
  verify->add_flag("--json", arguments.json, "for programs");
  verify->add_option("--timeout", arguments.timeout_seconds, "seconds to wait for the operator")
      ->check(CLI::Range(1, 7 * 24 * 3600))
      ->capture_default_str();
  verify->final_callback([&] { status = plugin::Verify(arguments, Where()); });
}

void DeclareBackup(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* backup =
      OfSet(app, arguments, "backup", "make a base backup of all shards now, and wait for it");
  backup->add_flag("--full", arguments.full, "whole copies, not only what has changed");
  backup->add_flag("--list", arguments.list, "what there is; asks for none");
  backup->add_flag("--json", arguments.json, "for programs");
  backup->add_option("--timeout", arguments.timeout_seconds, "seconds to wait for the operator")
      ->check(CLI::Range(1, 7 * 24 * 3600))
      ->capture_default_str();
  backup->final_callback([&] { status = plugin::Backup(arguments, Where()); });
}

void DeclareRestore(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* restore = OfSet(app, arguments, "restore",
                            "make a new set that begins as another one was at one of its points");
  restore->add_option("--from", arguments.from, "the set whose points and backups are taken")
      ->required();
  restore->add_option("--point", arguments.point,
                      "its name or number, as --list shows it; default: the newest");
  restore->add_option("--at", arguments.at,
                      "a time, as 2026-05-01T09:10:00Z: the newest point at or before it");
  restore->add_flag("--list", arguments.list, "the points that there are; makes nothing");
  restore->add_flag("-y,--yes", arguments.yes, "do not ask");
  AddOutput(restore, arguments);
  restore->final_callback([&] { status = plugin::Restore(arguments, Where()); });
}

void DeclareHistory(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* history = app.add_subcommand("history", "load of days before the set was there");
  history->require_subcommand(1);
  CLI::App* import = OfSet(*history, arguments, "import",
                           "a CSV of timestamp,value (statements a second of the whole set, UTC), "
                           "so that forecasts start on the first day");
  import->add_option("FILE", arguments.file, "the CSV")->required();
  import
      ->add_option("--share", arguments.shares,
                   "SHARD=0.7: of the load; may be repeated; default: by what each shard owns")
      ->allow_extra_args(false);
  import->add_option("--write-share", arguments.write_share, "of the statements")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  import->add_option("--until", arguments.to,
                     "later values are left out; default: when the set was made");
  import->add_option("-o,--output", arguments.output,
                     "write OpenMetrics for promtool there (-: here) and load nothing");
  import
      ->add_option("--operator-namespace", arguments.operator_namespace,
                   "where the chart's Prometheus runs")
      ->capture_default_str();
  import->final_callback([&] { status = plugin::ImportHistory(arguments);
});
}  // namespace

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* Named(const CLI::App& app, const std::string& name) {
  for (const CLI::App* one : CommandsOf(app)) {
    if (one->get_name() == name) return one;
  }
  return nullptr;
}

// What could stand at the end of the words typed so far.
std::string Complete(const CLI::App& app, Arguments& arguments, std::vector<std::string> words) {
  const std::string prefix = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  const CLI::App* command = nullptr;
  bool named = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value_of = [&](const char* brief, const char* full) {
      return (words[i] == brief || words[i] == full) && i + 1 < words.size();
    };
    if (value_of("-n", "--namespace")) {
      arguments.name_space = words[++i];
    } else if (value_of("", "--kubeconfig")) {
      arguments.kubeconfig = words[++i];
    } else if (value_of("", "--context")) {
      arguments.context = words[++i];
    } else if (words[i].starts_with("-")) {
      continue;
    } else if (command == nullptr) {
      command = Named(app, words[i]);
      if (command == nullptr) return "";
    } else if (const CLI::App* nested = Named(*command, words[i])) {
      command = nested;
    } else {
      named = true;
    }
  }
  std::vector<std::string> candidates;
  if (prefix.starts_with("-")) {
    for (const CLI::App* one : {&app, command}) {
      for (const CLI::Option* option :
           one == nullptr ? std::vector<const CLI::Option*>() : one->get_options()) {
        for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
      }
    }
    return plugin::Matching(candidates, prefix);
  }
  if (command == nullptr) {
    for (const CLI::App* one : CommandsOf(app)) candidates.push_back(one->get_name());
    return plugin::Matching(candidates, prefix);
  }
  if (named) return "";
  if (const auto nested = CommandsOf(*command); !nested.empty()) {
    for (const CLI::App* one : nested) candidates.push_back(one->get_name());
    return plugin::Matching(candidates, prefix);
  }
  if (command->get_name() == "completion")
    return plugin::Matching({"bash", "zsh", "fish", "kubectl"}, prefix);
  const bool migration = command->get_option_no_throw("MIGRATION") != nullptr;
  return plugin::Matching(plugin::Names(arguments, migration ? "MIGRATION" : "SHARDSET"), prefix);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Status, forecasts, plans and migrations of Foreshard's ShardSets.",
               "kubectl-foreshard");
  app.set_version_flag("--version", foreshard::VersionLine("kubectl-foreshard"));
  Arguments arguments;
  arguments.kubeconfig = DefaultKubeconfig();
  int status = 0;
  app.add_option("--kubeconfig", arguments.kubeconfig, "default: $KUBECONFIG, ~/.kube/config");
  app.add_option("--context", arguments.context, "default: the current one");
  app.add_option("-n,--namespace", arguments.name_space, "default: that of the context");
  app.require_subcommand(1);
  app.fallthrough();
  DeclareReads(app, arguments, status);
  DeclareCreates(app, arguments, status);
  DeclareSwitches(app, arguments, status);
  DeclarePrograms(app, arguments, status);
  DeclareVerify(app, arguments, status);
  DeclareBackup(app, arguments, status);
  DeclareRestore(app, arguments, status);
  DeclareHistory(app, arguments, status);
  if (argc > 1 && std::string(argv[1]) == "__complete") {
    fmt::print("{}", Complete(app, arguments, {argv + 2, argv + argc}));
    return 0;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : plugin::kBadUsage;
  }
  return status;
}
