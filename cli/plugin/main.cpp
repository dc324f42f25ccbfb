#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/plugin/act.h"
#include "cli/plugin/view.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"

// kubectl-foreshard: the plugin of kubectl ("kubectl foreshard ..."). It talks to the API server
// that kubectl would talk to, and to nothing else.
// Exit status: 0 success, 1 the API said no or there is no such object, 2 bad usage or not there
// yet.

namespace {

using foreshard::Result;
using foreshard::Status;
namespace kube = foreshard::kube;
namespace model = foreshard::model;
namespace plugin = foreshard::plugin;

constexpr int kRefused = 1;
constexpr int kBadUsage = 2;
constexpr std::chrono::seconds kPatience{20};

int Complain(int status, const std::string& message) {
  fmt::print(stderr, "kubectl-foreshard: {}\n", message);
  return status;
}

struct Arguments {
  std::string kubeconfig;
  std::string context;
  std::string name_space;
  std::string name;  // of the set, or of the migration
  bool json = false;
  std::string what_if;
  std::string source;
  std::string destination;
  std::string at;
  std::string from;
  std::string to;
};

std::string KubeconfigPath(const Arguments& arguments) {
  if (!arguments.kubeconfig.empty()) return arguments.kubeconfig;
  if (const char* path = std::getenv("KUBECONFIG"); path != nullptr && *path != '\0') return path;
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + "/.kube/config";
}

// Fills in the namespace of the context where none was given.
Result<std::unique_ptr<kube::KubeApi>> Connect(Arguments& arguments,
                                               const foreshard::Clock& clock) {
  const Result<kube::ApiAccess> access =
      kube::ReadKubeconfig(KubeconfigPath(arguments), arguments.context);
  if (!access) return access.error();
  if (arguments.name_space.empty()) arguments.name_space = access->name_space;
  return kube::MakeRestApi({.access = *access, .clock = clock});
}

using Show = std::string (*)(const plugin::SetView&);

int Read(Arguments& arguments, Show text, Show json) {
  const foreshard::SystemClock clock;
  auto api = Connect(arguments, clock);
  if (!api) return Complain(kRefused, api.error().message);
  const auto view = plugin::ReadSet(**api, {arguments.name_space, arguments.name},
                                    foreshard::Deadline::After(clock, kPatience));
  if (!view) return Complain(kRefused, view.error().message);
  fmt::print("{}\n", arguments.json ? json(*view) : text(*view));
  return 0;
}

int Plan(Arguments& arguments) {
  if (!arguments.what_if.empty()) {
    return Complain(kBadUsage,
                    "--what-if is not there yet: the operator does not publish the forecasts that "
                    "it needs; `foreshard-simulate` answers it for traces");
  }
  return Read(arguments, plugin::PlanText, plugin::PlanJson);
}

int Create(Arguments& arguments, model::MigrationType type) {
  model::ShardMigration migration;
  migration.spec.shard_set_name = arguments.name;
  migration.spec.type = type;
  migration.spec.source = {arguments.source};
  migration.spec.destination = {arguments.destination};
  const foreshard::SystemClock clock;
  auto api = Connect(arguments, clock);
  if (!api) return Complain(kRefused, api.error().message);
  migration.name_space = arguments.name_space;
  const auto deadline = foreshard::Deadline::After(clock, kPatience);
  if (type == model::MigrationType::kMove)
    migration.spec.range = model::KeyRange{.from = arguments.from, .to = arguments.to};
  if (type == model::MigrationType::kSplit) {
    const auto view = plugin::ReadSet(**api, {arguments.name_space, arguments.name}, deadline);
    if (!view) return Complain(kRefused, view.error().message);
    const auto range = plugin::RangeAbove(*view, {arguments.source}, arguments.at);
    if (!range) return Complain(kRefused, range.error().message);
    migration.spec.range = *range;
  }
  const auto name = plugin::CreateMigration(**api, std::move(migration), deadline);
  if (!name) return Complain(kRefused, name.error().message);
  fmt::print("shardmigration {} created\n", *name);
  return 0;
}

int Switch(Arguments& arguments, const std::string& field, bool value) {
  const foreshard::SystemClock clock;
  auto api = Connect(arguments, clock);
  if (!api) return Complain(kRefused, api.error().message);
  const Status done = plugin::SetSwitch(**api, {arguments.name_space, arguments.name}, field, value,
                                        foreshard::Deadline::After(clock, kPatience));
  if (!done) return Complain(kRefused, done.error().message);
  fmt::print("shardmigration {}: {} is {}\n", arguments.name, field, value);
  return 0;
}

void DeclareReads(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* show = app.add_subcommand("status", "shards, their load, what runs");
  show->add_option("SHARDSET", arguments.name)->required();
  show->add_flag("--json", arguments.json);
  show->final_callback([&] { status = Read(arguments, plugin::StatusText, plugin::StatusJson); });
  CLI::App* plan =
      app.add_subcommand("plan", "what the planner wants, why, and what would change it");
  plan->add_option("SHARDSET", arguments.name)->required();
  plan->add_flag("--json", arguments.json);
  plan->add_option("--what-if", arguments.what_if, "not there yet");
  plan->final_callback([&] { status = Plan(arguments); });
  for (const char* missing : {"forecast", "support-bundle"}) {
    CLI::App* command = app.add_subcommand(missing, "not there yet");
    command->allow_extras();
    command->final_callback([&status, missing] {
      status = Complain(kBadUsage, fmt::format("{} is not there yet", missing));
    });
  }
}

void DeclareWrites(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* split = app.add_subcommand("split", "give the upper part of a range to another shard");
  split->add_option("SHARDSET", arguments.name)->required();
  split->add_option("--shard", arguments.source, "who gives")->required();
  split->add_option("--at", arguments.at, "bound: what is at or above it leaves")->required();
  split->add_option("--to-shard", arguments.destination, "empty: a new shard");
  split->final_callback([&] { status = Create(arguments, model::MigrationType::kSplit); });
  CLI::App* move = app.add_subcommand("move", "give a whole range to another shard");
  move->add_option("SHARDSET", arguments.name)->required();
  move->add_option("--shard", arguments.source, "who gives")->required();
  move->add_option("--from", arguments.from, "lower bound; empty: the lowest");
  move->add_option("--to", arguments.to, "upper bound; empty: the highest");
  move->add_option("--to-shard", arguments.destination, "empty: a new shard");
  move->final_callback([&] { status = Create(arguments, model::MigrationType::kMove); });
  CLI::App* merge = app.add_subcommand("merge", "give all of a shard to another one");
  merge->add_option("SHARDSET", arguments.name)->required();
  merge->add_option("--shard", arguments.source, "who gives and goes")->required();
  merge->add_option("--to-shard", arguments.destination)->required();
  merge->final_callback([&] { status = Create(arguments, model::MigrationType::kMerge); });
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
    command->final_callback([&, named] { status = Switch(arguments, named.field, named.value); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Status, plans and migrations of Foreshard's ShardSets.", "kubectl-foreshard");
  Arguments arguments;
  int status = 0;
  app.add_option("--kubeconfig", arguments.kubeconfig, "default: $KUBECONFIG, ~/.kube/config");
  app.add_option("--context", arguments.context, "default: the current one");
  app.add_option("-n,--namespace", arguments.name_space, "default: that of the context");
  app.require_subcommand(1);
  app.fallthrough();
  DeclareReads(app, arguments, status);
  DeclareWrites(app, arguments, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  return status;
}
