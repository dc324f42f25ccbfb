#include "cli/plugin/commands.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "cli/plugin/act.h"
#include "cli/plugin/advice.h"
#include "cli/plugin/forecast.h"
#include "cli/plugin/session.h"
#include "cli/plugin/top.h"
#include "cli/plugin/what_if.h"
#include "kube/kinds.h"
#include "operator/metrics/prometheus_http.h"

// Commands that speak to the API (and to Prometheus); those that start programs are in
// commands_programs.cpp.

namespace foreshard::plugin {

namespace {

// The form that was asked for; --json is an older word for -o json.
std::optional<Output> FormOf(const Arguments& arguments) {
  if (arguments.json) return Output::kJson;
  const Result<Output> form = ParseOutput(arguments.output);
  if (form) return *form;
  Complain(kBadUsage, form.error().message);
  return std::nullopt;
}

void PrintJson(Output form, const std::string& json) {
  fmt::print("{}{}", form == Output::kYaml ? ToYaml(json) : json,
             form == Output::kYaml ? "" : "\n");
}

bool IsData(Output form) { return form == Output::kJson || form == Output::kYaml; }

// What every command about one set needs first. Without a view `code` is what to end with.
struct Opened {
  int code = 0;
  Output form = Output::kText;
  std::optional<SetView> view{};
};
Opened OpenSet(const Arguments& arguments, Session& session) {
  const auto form = FormOf(arguments);
  if (!form) return {.code = kBadUsage};
  if (!session.Open()) return {.code = kRefused};
  return {.code = kRefused, .form = *form, .view = session.Set()};
}

// Waits for the next turn; false: somebody pressed Enter, or nobody can.
bool NextTurn(int seconds) {
  pollfd entry{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&entry, 1, seconds * 1000);
  return ready == 0 || (ready < 0 && errno == EINTR);
}

std::string PrometheusAdvice(const Arguments& arguments, const std::string& url) {
  return fmt::format(
      "  try: kubectl -n {} port-forward svc/foreshard-prometheus 9090    and then: kubectl "
      "foreshard forecast {} -n {} --prometheus http://127.0.0.1:9090{}\n",
      arguments.operator_namespace, arguments.name, arguments.name_space,
      url.empty() ? "" : fmt::format("\n       (asked: {})", url));
}

Result<SetForecast> AskPrometheus(Session& session, const model::ShardSet& set,
                                  const std::string& url, const ForecastQuestion& question) {
  if (url.empty())
    return Error::GiveUp("the set names no Prometheus; --prometheus URL does", "NoPrometheus");
  auto metrics = op::PrometheusHttp::Create(url, session.clock());
  if (!metrics) return metrics.error();
  return ReadForecast(**metrics, set, question, session.deadline());
}

int WhatIf(const Arguments& arguments, Session& session, const Opened& set) {
  const model::ShardSet& shard_set = set.view->set;
  Told told{.name_space = shard_set.name_space,
            .set = shard_set.name,
            .now = session.clock().Wall(),
            .question = {},
            .kept = {},
            .answer = {}};
  const std::string advice = fmt::format(
      "  try: kubectl foreshard plan {} -n {} --what-if \"traffic x3 on Friday from "
      "09:00 to 12:00\"\n",
      arguments.name, shard_set.name_space);
  auto question = ParseQuestion(arguments.what_if, told.now, shard_set.spec.scaling.horizon);
  if (!question) return Complain(kBadUsage, question.error().message, advice);
  if (!question->event.empty())
    question = QuestionOfEvent(session.api(), {told.name_space, told.set}, question->event,
                               told.now, session.deadline());
  if (!question && question.error().reason == "BadQuestion")
    return Complain(
        kBadUsage, question.error().message,
        AdviceForMissing(session.api(), kube::kLoadEvents, told.name_space, session.deadline()));
  if (!question) return session.Fail(question.error());
  told.question = *std::move(question);
  auto kept = ReadKeptProblem(session.api(), {told.name_space, told.set}, session.deadline());
  if (!kept && kept.error().reason == "NotFound")
    return Complain(kRefused, kept.error().message,
                    fmt::format("  try: kubectl foreshard status {} -n {}    (MetricsFresh says "
                                "whether metrics are read)\n",
                                told.set, told.name_space));
  if (!kept) return session.Fail(kept.error());
  told.kept = *std::move(kept);
  auto answer = Answer(told.kept, told.question);
  if (!answer) return Complain(kBadUsage, answer.error().message, advice);
  told.answer = *std::move(answer);
  if (IsData(set.form)) {
    PrintJson(set.form, WhatIfJson(told));
  } else {
    fmt::print("{}", WhatIfText(told));
  }
  return 0;
}

}  // namespace

int ShowStatus(Arguments& arguments) {
  Session session(arguments);
  const Opened set = OpenSet(arguments, session);
  if (!set.view) return set.code;
  if (IsData(set.form)) {
    PrintJson(set.form, StatusJson(*set.view));
  } else {
    fmt::print("{}", StatusText(*set.view, set.form == Output::kWide));
  }
  return 0;
}

int Plan(Arguments& arguments) {
  Session session(arguments);
  const Opened set = OpenSet(arguments, session);
  if (!set.view) return set.code;
  if (!arguments.what_if.empty()) return WhatIf(arguments, session, set);
  if (IsData(set.form)) {
    PrintJson(set.form, PlanJson(*set.view));
  } else {
    fmt::print("{}", PlanText(*set.view));
  }
  return 0;
}

int Top(Arguments& arguments, const Surroundings& where) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const TopOptions options{.colours = where.colours, .width = where.width};
  for (;;) {
    const auto view = session.Set();
    if (!view) return kRefused;
    const bool live = where.terminal && !arguments.once;
    if (live) fmt::print("\x1b[H\x1b[2J");
    fmt::print("{}", TopText(*view, options));
    if (live)
      fmt::print("\n{}, every {} s; Enter ends\n", FormatRfc3339(session.clock().Wall()),
                 arguments.every_seconds);
    std::fflush(stdout);
    if (!live || !NextTurn(arguments.every_seconds)) return 0;
  }
}

int Forecast(Arguments& arguments, const Surroundings& where) {
  Session session(arguments);
  const Opened set = OpenSet(arguments, session);
  if (!set.view) return set.code;
  const ForecastQuestion question{.past = std::chrono::hours(arguments.hours),
                                  .now = session.clock().Wall()};
  const std::string& url = arguments.prometheus.empty() ? set.view->set.spec.metrics.prometheus_url
                                                        : arguments.prometheus;
  const Result<SetForecast> forecast = AskPrometheus(session, set.view->set, url, question);
  // Asked for it in words: then its absence is an error, not a shorter table.
  if (!forecast && (arguments.plot || !arguments.prometheus.empty())) {
    return Complain(kRefused, forecast.error().message, PrometheusAdvice(arguments, url));
  }
  const SetForecast* known = forecast ? &*forecast : nullptr;
  if (IsData(set.form)) {
    PrintJson(set.form, ForecastJson(*set.view, known));
    return 0;
  }
  fmt::print("{}\n", ForecastText(*set.view, known));
  if (known == nullptr) {
    fmt::print("\ndemand and the fan of quantiles are in Prometheus: {}\n{}",
               forecast.error().message, PrometheusAdvice(arguments, url));
  }
  if (arguments.plot)
    fmt::print("\n{}",
               ForecastPlot(*forecast, set.view->set.spec.scaling.horizon, question, where.width));
  return 0;
}

int Create(Arguments& arguments, model::MigrationType type) {
  Session session(arguments);
  const Opened set = OpenSet(arguments, session);
  if (!set.view) return set.code;
  model::ShardMigration migration;
  migration.name_space = arguments.name_space;
  migration.spec.shard_set_name = arguments.name;
  migration.spec.type = type;
  migration.spec.source = {arguments.source};
  migration.spec.destination = {arguments.destination};
  migration.spec.keys = arguments.keys;
  migration.spec.dry_run = arguments.dry_run;
  migration.spec.rehearse = arguments.rehearse;
  if (type == model::MigrationType::kMove)
    migration.spec.range = model::KeyRange{.from = arguments.from, .to = arguments.to};
  if (type == model::MigrationType::kSplit) {
    const auto range = RangeAbove(*set.view, {arguments.source}, arguments.at);
    if (!range)
      return Complain(kRefused, range.error().message,
                      fmt::format("  try: kubectl get routingtable {} -n {} -o yaml    (who owns "
                                  "what)\n",
                                  arguments.name, arguments.name_space));
    migration.spec.range = *range;
  }
  const auto name = CreateMigration(session.api(), std::move(migration), session.deadline());
  if (!name) return session.Fail(name.error());
  if (IsData(set.form)) {
    PrintJson(set.form, fmt::format("{{\n  \"namespace\": \"{}\",\n  \"name\": \"{}\"\n}}",
                                    arguments.name_space, *name));
    return 0;
  }
  fmt::print("shardmigration {} created\nfollow it: kubectl get shardmigration {} -n {} -w\n",
             *name, *name, arguments.name_space);
  return 0;
}

int Switch(Arguments& arguments, const std::string& field, bool value) {
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const auto done = SetSwitch(session.api(), {arguments.name_space, arguments.name}, field, value,
                              session.deadline());
  if (!done) return session.FailMissing(done.error(), kube::kShardMigrations);
  fmt::print("shardmigration {}: {} is {}\n", arguments.name, field, value);
  return 0;
}

std::vector<std::string> Names(Arguments& arguments, const std::string& placeholder) {
  if (placeholder != "SHARDSET" && placeholder != "MIGRATION") return {};
  Session session(arguments);
  if (!session.Open()) return {};
  const auto list =
      session.api().List(placeholder == "SHARDSET" ? kube::kShardSets : kube::kShardMigrations,
                         {.name_space = arguments.name_space}, session.deadline());
  std::vector<std::string> names;
  if (!list) return names;
  for (const kube::Object& object : list->items) names.push_back(object.metadata.name);
  return names;
}

}  // namespace foreshard::plugin
