#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/plugin/commands.h"
#include "cli/plugin/report.h"
#include "cli/plugin/run.h"
#include "cli/plugin/session.h"
#include "kube/base64.h"
#include "kube/kinds.h"

namespace foreshard::plugin {

namespace {

constexpr std::size_t kLogBytesMax = 32 << 20;
constexpr std::chrono::seconds kForwardPatience{20};

// User, password and database of clients. Errors: as the API's; kGiveUp "NotFound".
Result<Environment> ClientOf(Session& session, const model::ShardSet& set) {
  const std::string name =
      set.status.secret_name.empty() ? set.name + "-app" : set.status.secret_name;
  const auto object = session.api().Get(kube::kSecrets, {set.name_space, name}, session.deadline());
  if (!object) return object.error();
  if (!*object)
    return Error::GiveUp(fmt::format("there is no secret {} yet: the set is not up", name),
                         "NotFound");
  const nlohmann::json json = nlohmann::json::parse((*object)->json, nullptr, false);
  Environment environment = {{"PGSSLMODE", "require"}, {"PGAPPNAME", "kubectl-foreshard"}};
  for (const auto& [key, variable] :
       {std::pair{"username", "PGUSER"}, {"password", "PGPASSWORD"}, {"database", "PGDATABASE"}}) {
    if (!json.contains("data") || !json["data"].contains(key))
      return Error::GiveUp(fmt::format("secret {} has no {}", name, key));
    const auto value = kube::DecodeBase64(json["data"][key].get<std::string>());
    if (!value) return value.error();
    environment.emplace_back(variable, *value);
  }
  return environment;
}

int Ended(const Result<int>& status, const std::string& advice) {
  return status ? *status : Complain(kRefused, status.error().message, advice);
}

std::string Selector(const Arguments& arguments) {
  std::string selector = "foreshard.dev/shardset=" + arguments.name;
  if (!arguments.component.empty()) selector += ",foreshard.dev/component=" + arguments.component;
  if (!arguments.migration.empty()) selector += ",foreshard.dev/migration=" + arguments.migration;
  return selector;
}

std::vector<std::string> LogsCommand(const Session& session, const Arguments& arguments) {
  const bool of_operator = arguments.component == "operator";
  std::vector<std::string> command =
      session.Kubectl(of_operator ? arguments.operator_namespace : arguments.name_space);
  command.insert(
      command.end(),
      {"logs", "--selector",
       of_operator ? "app.kubernetes.io/name=foreshard,app.kubernetes.io/component=operator"
                   : Selector(arguments),
       "--all-containers", "--prefix", "--max-log-requests=50",
       fmt::format("--tail={}", arguments.tail)});
  if (arguments.follow) command.emplace_back("--follow");
  return command;
}

}  // namespace

int Psql(Arguments& arguments) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const auto view = session.Set();
  if (!view) return kRefused;
  const model::ShardSet& set = view->set;
  Result<Environment> client = ClientOf(session, set);
  if (!client)
    return Complain(
        kRefused, client.error().message,
        fmt::format("  try: kubectl foreshard status {} -n {}\n", set.name, set.name_space));
  std::vector<std::string> command = {"psql"};
  command.insert(command.end(), arguments.words.begin(), arguments.words.end());
  const std::string no_psql = "  try: apt-get install postgresql-client\n";
  if (arguments.direct) {
    client->emplace_back("PGHOST", fmt::format("{}-router.{}.svc", set.name, set.name_space));
    client->emplace_back("PGPORT", std::to_string(set.spec.router.port));
    return Ended(RunHere(command, *client), no_psql);
  }
  const auto forward =
      PortForward::Open(session.Kubectl(set.name_space), fmt::format("service/{}-router", set.name),
                        set.spec.router.port, kForwardPatience);
  if (!forward)
    return Complain(kRefused, forward.error().message,
                    fmt::format("  try: kubectl -n {} get pods -l "
                                "foreshard.dev/shardset={},foreshard.dev/component=router\n",
                                set.name_space, set.name));
  client->emplace_back("PGHOST", "127.0.0.1");
  client->emplace_back("PGPORT", std::to_string((*forward)->port()));
  return Ended(RunHere(command, *client), no_psql);
}

int Logs(Arguments& arguments) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  if (!session.Set()) return kRefused;  // a wrong name would show nothing, and say nothing
  return Ended(RunHere(LogsCommand(session, arguments)), "  try: install kubectl\n");
}

int MakeReport(Arguments& arguments) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const auto view = session.Set();
  if (!view) return kRefused;
  Report report = CollectReport(session.api(), *view, session.deadline());
  for (const char* component : {"", "operator"}) {
    Arguments asked = arguments;
    asked.component = component;
    asked.tail = 2'000;
    const auto logs = RunForOutput(LogsCommand(session, asked), kLogBytesMax);
    const std::string name =
        *component == '\0' ? "logs-of-the-set.txt" : "logs-of-the-operator.txt";
    if (logs) {
      report[name] = WithoutSecrets(*logs);
    } else {
      report["errors.txt"] += fmt::format("{}: {}\n", name, logs.error().message);
    }
  }
  const std::filesystem::path folder =
      arguments.directory.empty() ? "foreshard-report-" + arguments.name : arguments.directory;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const auto& [name, text] : report) {
    std::ofstream file(folder / name, std::ios::trunc);
    file << text;
    if (!file.flush())
      return Complain(kRefused, fmt::format("cannot write {}", (folder / name).string()),
                      "  try: --directory FOLDER\n");
  }
  fmt::print("{} files in {}/; no secret is among them, but names, addresses and statements are\n",
             report.size(), folder.string());
  if (report.contains("errors.txt"))
    fmt::print("not all could be read: {}/errors.txt\n", folder.string());
  return 0;
}

}  // namespace foreshard::plugin
