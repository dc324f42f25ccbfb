#include <fmt/format.h>

#include <iostream>

#include "backup/choose_point.h"
#include "cli/plugin/commands.h"
#include "cli/plugin/restore.h"
#include "cli/plugin/session.h"
#include "kube/kinds.h"
#include "operator/points/kube_point_book.h"

namespace foreshard::plugin {

namespace {

bool Confirmed(const Arguments& arguments) {
  if (arguments.yes) return true;
  fmt::print("go on? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

std::string ListAdvice(const Arguments& arguments) {
  return fmt::format("  try: kubectl foreshard restore {} -n {} --from {} --list\n", arguments.name,
                     arguments.name_space, arguments.from);
}

std::optional<std::vector<backup::Point>> ReadPoints(Session& session,
                                                     const Arguments& arguments) {
  op::KubePointBook book({.kube = session.api(),
                          .set = {arguments.name_space, arguments.from},
                          .oldest = std::nullopt});
  auto points = book.ListAll(session.deadline());
  if (!points) {
    session.Fail(points.error());
    return std::nullopt;
  }
  if (*points) return **std::move(points);
  Complain(kRefused,
           fmt::format("there is no ConfigMap {} in namespace {}: {} has no points",
                       op::PointBookName(arguments.from), arguments.name_space, arguments.from),
           fmt::format("  try: kubectl foreshard backup {} -n {} --list    (points need spec.backup "
                       "and a base backup of each shard)\n       or write the ConfigMap back from "
                       "your copy: docs/runbooks/restore-a-set.md\n",
                       arguments.from, arguments.name_space));
  return std::nullopt;
}

// The object that is to be made; nothing: said why already.
std::optional<op::Value> Build(Session& session, const Arguments& arguments,
                               const backup::Point& point) {
  const kube::ObjectRef other{arguments.name_space, arguments.from};
  const auto object = session.api().Get(kube::kShardSets, other, session.deadline());
  if (!object || !*object) {
    if (!object) {
      session.Fail(object.error());
    } else {
      Complain(kRefused,
               fmt::format("there is no shardset {} any more, whose spec could be taken",
                           arguments.from),
               "  try: your manifest of it under the new name, with spec.restoreFrom: kubectl "
               "explain shardset.spec.restoreFrom; docs/runbooks/restore-a-set.md\n");
    }
    return std::nullopt;
  }
  const auto json = op::ParseJson((*object)->json);
  if (!json) {
    session.Fail(json.error());
    return std::nullopt;
  }
  auto set = RestoredSet(*json, arguments.name, point);
  if (set) return *std::move(set);
  Complain(kRefused, set.error().message, "  try: kubectl explain shardset.spec.restoreFrom\n");
  return std::nullopt;
}

int Make(Session& session, const Arguments& arguments, const Output form, const op::Value& set) {
  const kube::ObjectRef ref{arguments.name_space, arguments.name};
  const auto made =
      session.api().Create(kube::kShardSets, ref, op::ToJson(set), session.deadline());
  if (!made && made.error().code == "409") {
    return Complain(kRefused,
                    fmt::format("there is a shardset {} already: a restore makes a new one",
                                arguments.name),
                    fmt::format("  try: kubectl foreshard restore {}-restored -n {} --from {}\n",
                                arguments.name, arguments.name_space, arguments.from));
  }
  if (!made) return session.Fail(made.error());
  if (form == Output::kJson || form == Output::kYaml) {
    const auto json = op::ParseJson(made->json);
    const std::string text = json ? op::ToPrettyJson(*json) : made->json;
    fmt::print("{}", form == Output::kYaml ? ToYaml(text) : text + "\n");
    return 0;
  }
  fmt::print(
      "shardset {} is made; it serves when all of it is restored:\n"
      "  kubectl -n {} wait --for=condition=Restored --timeout=1h shardset/{}\n"
      "  kubectl foreshard status {} -n {}\n",
      arguments.name, arguments.name_space, arguments.name, arguments.name, arguments.name_space);
  return 0;
}

}  // namespace

int Restore(Arguments& arguments, const Surroundings& where) {
  const Result<Output> form =
      arguments.json ? Result<Output>(Output::kJson) : ParseOutput(arguments.output);
  if (!form) return Complain(kBadUsage, form.error().message);
  const bool data = *form == Output::kJson || *form == Output::kYaml;
  if (!arguments.point.empty() && !arguments.at.empty())
    return Complain(kBadUsage, "--point and --at both say which point: give one of them");
  const std::string wish = arguments.point.empty() ? arguments.at : arguments.point;
  const auto understood = backup::ParsePointWish(wish);
  if (!arguments.at.empty() && (!understood || !understood->time))
    return Complain(kBadUsage, fmt::format("--at: '{}': expected a time like 2026-05-01T09:10:00Z",
                                           arguments.at));
  if (!wish.empty() && !understood)
    return Complain(kBadUsage,
                    fmt::format("--point: '{}': expected {}", wish, backup::kPointForms));
  if (!arguments.list && !arguments.yes && (!where.answers || data))
    return Complain(kBadUsage,
                    "restore asks before it makes anything; where nobody can answer and with -o "
                    "json it needs --yes");
  Session session(arguments);
  if (!session.Open()) return kRefused;
  const auto points = ReadPoints(session, arguments);
  if (!points) return kRefused;
  if (arguments.list) {
    const std::string json = data ? PointsJson(*points) : "";
    fmt::print("{}", *form == Output::kYaml  ? ToYaml(json)
                     : *form == Output::kJson ? json + "\n"
                                              : PointsText(arguments.from, *points));
    return 0;
  }
  const auto point = backup::ChoosePoint(
      *points, wish.empty() ? FormatRfc3339Micros(session.clock().Wall()) : wish);
  if (!point) return Complain(kRefused, point.error().message, ListAdvice(arguments));
  const auto set = Build(session, arguments, *point);
  if (!set) return kRefused;
  fmt::print(data ? stderr : stdout, "{}{}", RestorePlan(arguments.name, arguments.from, *point),
             ToYaml(op::ToJson(*set)));
  if (!Confirmed(arguments)) return Complain(kRefused, "nothing was made");
  return Make(session, arguments, *form, *set);
}

}  // namespace foreshard::plugin
