#include <fmt/format.h>
#include <poll.h>

#include <functional>
#include <iostream>

#include "cli/plugin/commands.h"
#include "cli/plugin/session.h"
#include "cli/plugin/verify.h"
#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/builders/annotations.h"

namespace foreshard::plugin {

namespace {

constexpr int kLookEveryMillis = 1'000;

// Why nothing may be happening, in the words of the conditions.
std::string WhyItWaits(const model::ShardSet& set) {
  std::string text;
  for (const char* type : {"Paused", "Ready", "Resharding"}) {
    const model::Condition* condition = op::FindCondition(set.status.conditions, type);
    if (condition == nullptr) continue;
    text += fmt::format("  {}: {} {}\n", type, condition->status, condition->reason);
  }
  return text;
}

void ShowProgress(const model::ShardSet& set, const Surroundings& where) {
  if (!where.terminal || !set.status.audit || !set.status.audit->running) return;
  const model::AuditRun& run = *set.status.audit->running;
  fmt::print(stderr, "\rlooking: {} of {} tables ", run.step, run.steps);
  std::fflush(stderr);
}

// Writes the annotation and waits until `done`. Nothing: said why already.
std::optional<model::ShardSet> Ask(Session& session, const Arguments& arguments,
                                   const Surroundings& where, const char* annotation,
                                   const std::string& text,
                                   const std::function<bool(const model::ShardSet&)>& done) {
  const Status asked = Annotate(session.api(), {arguments.name_space, arguments.name}, annotation,
                                text, session.deadline());
  if (!asked) {
    session.FailMissing(asked.error(), kube::kShardSets);
    return std::nullopt;
  }
  const Deadline patience =
      Deadline::After(session.clock(), std::chrono::seconds(arguments.timeout_seconds));
  for (;;) {
    const auto view = session.Set();
    if (!view) return std::nullopt;
    ShowProgress(view->set, where);
    if (done(view->set)) {
      if (where.terminal) fmt::print(stderr, "\n");
      return view->set;
    }
    const bool paused = op::IsTrue(view->set.status.conditions, "Paused");
    if (paused || patience.Passed(session.clock())) {
      Complain(kRefused,
               paused ? "the set is paused, so the operator does nothing in it"
                      : "the operator has not answered yet; it goes on by itself",
               fmt::format("{}  try: kubectl foreshard verify {} -n {} --last\n",
                           WhyItWaits(view->set), arguments.name, arguments.name_space));
      return std::nullopt;
    }
    ::poll(nullptr, 0, kLookEveryMillis);
  }
}

bool Confirmed(const Arguments& arguments) {
  if (arguments.yes) return true;
  fmt::print("go on? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

void Show(const Arguments& arguments, const model::ShardSet& set) {
  if (arguments.json) {
    fmt::print("{}\n", AuditJson(set));
  } else {
    fmt::print("{}", AuditText(set));
  }
}

int Repair(Session& session, const Arguments& arguments, const Surroundings& where,
           const model::ShardSet& set) {
  const model::AuditStatus& audit = *set.status.audit;
  const Result<std::string> plan = RepairPlan(audit.found, arguments.right_copy);
  // Before anything is done, also where only data goes to standard output.
  fmt::print(arguments.json ? stderr : stdout, "{}", AuditText(set));
  if (!plan)
    return Complain(kRefused, plan.error().message,
                    "  try: --right-copy SHARD; docs/runbooks/foreshard-rows-inconsistent.md\n");
  fmt::print(arguments.json ? stderr : stdout, "a repair does this:\n{}", *plan);
  if (!Confirmed(arguments)) return Complain(kRefused, "nothing was changed");
  const std::string request =
      RepairRequest(audit, arguments.right_copy, FormatRfc3339Micros(session.clock().Wall()));
  const auto repaired = Ask(session, arguments, where, op::kRepairAnnotation, request,
                            [&](const model::ShardSet& now) { return IsRepaired(now, request); });
  if (!repaired) return kRefused;
  Show(arguments, *repaired);
  const model::AuditStatus& after = *repaired->status.audit;
  return after.found.clean() && after.repair->problem.empty() ? 0 : kRefused;
}

}  // namespace

int Verify(Arguments& arguments, const Surroundings& where) {
  if (arguments.repair && arguments.last)
    return Complain(kBadUsage, "--repair looks again first: it cannot go with --last");
  if (arguments.repair && !arguments.yes && (!where.answers || arguments.json))
    return Complain(kBadUsage,
                    "--repair asks before it changes anything; where nobody can answer "
                    "and with --json it needs --yes");
  Session session(arguments);
  if (!session.Open()) return kRefused;
  auto view = session.Set();
  if (!view) return kRefused;
  model::ShardSet set = view->set;
  if (!arguments.last) {
    const std::string request = FormatRfc3339Micros(session.clock().Wall());
    auto seen = Ask(session, arguments, where, op::kVerifyAnnotation, request,
                    [&](const model::ShardSet& now) { return IsVerified(now, request); });
    if (!seen) return kRefused;
    set = *std::move(seen);
  }
  const bool known = set.status.audit && !set.status.audit->time.empty();
  const bool clean = known && set.status.audit->found.clean();
  if (arguments.repair && known && !clean) return Repair(session, arguments, where, set);
  Show(arguments, set);
  if (known && !clean && !arguments.json)
    fmt::print("to put aside what is wrong: kubectl foreshard verify {} -n {} --repair\n", set.name,
               set.name_space);
  return clean ? 0 : kRefused;
}

}  // namespace foreshard::plugin
