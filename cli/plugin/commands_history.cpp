#include <fmt/format.h>

#include <cstdio>

#include "cli/plugin/commands.h"
#include "cli/plugin/history.h"
#include "cli/plugin/run.h"
#include "cli/plugin/session.h"
#include "kube/kinds.h"
#include "operator/api/value.h"

namespace foreshard::plugin {

namespace {

constexpr std::size_t kSaidMax = 1 << 20;
// Not by pipe: promtool reads its input twice.
constexpr const char* kLoad =
    "cat > /prometheus/history.om && promtool tsdb create-blocks-from openmetrics "
    "/prometheus/history.om /prometheus; status=$?; rm -f /prometheus/history.om; exit $status";

std::int64_t SecondsOf(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// Where imported days end: when the set was made, since from then on its routers counted, and what
// is counted twice is twice the load. Nothing: said why already.
std::optional<std::int64_t> UntilOf(Session& session, const Arguments& arguments) {
  if (!arguments.to.empty()) {
    const auto until = cli::ParseTimestamp(arguments.to);
    if (until) return *until;
    Complain(kBadUsage, "--until: " + until.error().message);
    return std::nullopt;
  }
  const auto object = session.api().Get(kube::kShardSets, {arguments.name_space, arguments.name},
                                        session.deadline());
  if (!object || !*object) {
    session.Fail(object ? Error::GiveUp("the set is gone") : object.error());
    return std::nullopt;
  }
  const auto json = op::ParseJson((*object)->json);
  const auto made =
      json ? ParseRfc3339(json->At("metadata.creationTimestamp").Text()) : std::nullopt;
  if (made) return SecondsOf(*made);
  Complain(kRefused, "the set does not say when it was made", "  try: --until TIME\n");
  return std::nullopt;
}

Result<History> Build(const Arguments& arguments, const model::ShardSet& set,
                      const model::RoutingTable& table, std::int64_t until) {
  const Result<std::string> text = cli::ReadFile(arguments.file);
  if (!text) return text.error();
  auto demand = cli::ParseTrace(*text);
  if (!demand) return Error::GiveUp(arguments.file + ": " + demand.error().message, "BadInput");
  auto shares = SharesOf(table, arguments.shares);
  if (!shares) return shares.error();
  auto labels = LabelsOf(set.spec.metrics.selector);
  if (!labels) return labels.error();
  labels->insert({{"namespace", set.name_space},
                  {"shardset", set.name},
                  {"history", "true"},
                  {"result", "ok"}});
  const auto kept = std::chrono::duration_cast<std::chrono::seconds>(set.spec.metrics.history);
  const std::string first = FormatRfc3339(WallTime(std::chrono::seconds(demand->front().at)));
  const std::string last = FormatRfc3339(WallTime(std::chrono::seconds(demand->back().at)));
  History history{.demand = Between(*std::move(demand), until - kept.count(), until),
                  .shares = *std::move(shares),
                  .write_share = arguments.write_share,
                  .bin = std::chrono::duration_cast<std::chrono::seconds>(set.spec.scaling.bin),
                  .labels = *std::move(labels)};
  if (!history.demand.empty()) return history;
  return Error::GiveUp(
      fmt::format("{}: {} to {}: nothing of that lies in the {} d (spec.metrics.history) before "
                  "{}, where imported days end (--until)",
                  arguments.file, first, last, kept.count() / 86'400,
                  FormatRfc3339(WallTime(std::chrono::seconds(until)))),
      "BadInput");
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

long SizeOf(std::FILE* file) {
  std::fseek(file, 0, SEEK_END);
  const long size = std::ftell(file);
  std::rewind(file);
  return size;
}

bool Write(const History& history, std::FILE* file) {
  WriteOpenMetrics(history,
                   [&](std::string_view line) { std::fwrite(line.data(), 1, line.size(), file); });
  return std::fflush(file) == 0 && std::ferror(file) == 0;
}

int WriteHere(const Arguments& arguments, const History& history) {
  if (arguments.output == "-") return Write(history, stdout) ? 0 : kRefused;
  const File file(std::fopen(arguments.output.c_str(), "w"));
  if (!file || !Write(history, file.get())) {
    return Complain(kRefused, fmt::format("cannot write {}", arguments.output),
                    "  try: -o FILE in a folder that is yours\n");
  }
  fmt::print(
      "{}written to {}; on the Prometheus that the set reads:\n"
      "  promtool tsdb create-blocks-from openmetrics {} DATA_FOLDER\n",
      HistoryText(history), arguments.output, arguments.output);
  return 0;
}

// The pod of the chart's Prometheus. Errors: kGiveUp.
Result<std::string> PrometheusPod(const Session& session, const Arguments& arguments) {
  std::vector<std::string> command = session.Kubectl(arguments.operator_namespace);
  command.insert(command.end(),
                 {"get", "pods", "--selector",
                  "app.kubernetes.io/name=foreshard,app.kubernetes.io/component=prometheus",
                  "--field-selector=status.phase=Running", "-o", "name"});
  auto said = RunForOutput(command, kSaidMax);
  if (!said) return said.error();
  const std::string pod = said->substr(0, said->find('\n'));
  if (!pod.empty()) return pod;
  return Error::GiveUp(
      fmt::format("no Prometheus of the chart runs in namespace {}", arguments.operator_namespace));
}

int WriteThere(const Session& session, const Arguments& arguments, const History& history) {
  const std::string advice =
      "  try: -o FILE, and load the file where your Prometheus keeps its data; "
      "--operator-namespace, if the chart is elsewhere\n";
  const auto pod = PrometheusPod(session, arguments);
  if (!pod) return Complain(kRefused, pod.error().message, advice);
  const File file(std::tmpfile());
  if (!file || !Write(history, file.get())) {
    return Complain(kRefused, "cannot write a temporary file", advice);
  }
  std::vector<std::string> command = session.Kubectl(arguments.operator_namespace);
  command.insert(command.end(), {"exec", "-i", *pod, "--", "sh", "-c", kLoad});
  fmt::print("{}loading {} MB into {} ...\n", HistoryText(history),
             std::max(1L, SizeOf(file.get()) >> 20), *pod);
  std::fflush(stdout);
  const auto loaded = RunForOutput(command, kSaidMax, ::fileno(file.get()));
  if (!loaded) return Complain(kRefused, loaded.error().message, advice);
  fmt::print(
      "loaded; Prometheus shows it within two minutes, forecasts use it in the next bin\n"
      "  see: kubectl foreshard forecast {} -n {} --plot\n",
      arguments.name, arguments.name_space);
  return 0;
}

}  // namespace

int ImportHistory(Arguments& arguments) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const auto view = session.Set();
  if (!view) return kRefused;
  if (!view->table) {
    return Complain(kRefused, fmt::format("{} has no routing table yet", arguments.name),
                    fmt::format("  try: kubectl -n {} wait --for=condition=Ready shardset/{}\n",
                                arguments.name_space, arguments.name));
  }
  const std::string& prometheus = view->set.spec.metrics.prometheus_url;
  if (!prometheus.empty() && arguments.output.empty()) {
    return Complain(kBadUsage,
                    fmt::format("{} reads {} (spec.metrics.prometheusURL), whose data folder is "
                                "out of reach from here",
                                arguments.name, prometheus),
                    "  try: -o FILE, and promtool tsdb create-blocks-from openmetrics FILE "
                    "DATA_FOLDER there\n");
  }
  const auto until = UntilOf(session, arguments);
  if (!until) return kBadUsage;
  const auto history = Build(arguments, view->set, *view->table, *until);
  if (!history) return Complain(kBadUsage, history.error().message);
  return arguments.output.empty() ? WriteThere(session, arguments, *history)
                                  : WriteHere(arguments, *history);
}

}  // namespace foreshard::plugin
