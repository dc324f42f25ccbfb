#include <fmt/format.h>
#include <poll.h>

#include "cli/plugin/backup.h"
#include "cli/plugin/commands.h"
#include "cli/plugin/session.h"
#include "cli/plugin/verify.h"
#include "kube/kinds.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/builders/annotations.h"

namespace foreshard::plugin {

namespace {

constexpr int kLookEveryMillis = 1'000;

void Show(const Arguments& arguments, const model::ShardSet& set) {
  if (arguments.json) {
    fmt::print("{}\n", BackupsJson(set));
  } else {
    fmt::print("{}", BackupText(set));
  }
}

int SayWhyItWaits(const Arguments& arguments, const model::ShardSet& set) {
  std::string why;
  for (const char* type : {"Paused", "Ready", op::kBackupCondition}) {
    const model::Condition* condition = op::FindCondition(set.status.conditions, type);
    if (condition == nullptr) continue;
    why += fmt::format("  {}: {} {}: {}\n", type, condition->status, condition->reason,
                       condition->message);
  }
  return Complain(kRefused, "it is not made yet; the operator goes on by itself",
                  fmt::format("{}  try: kubectl foreshard backup {} -n {} --list\n", why,
                              arguments.name, arguments.name_space));
}

}  // namespace

int Backup(Arguments& arguments, const Surroundings& where) {
  if (arguments.full && arguments.list)
    return Complain(kBadUsage, "--list only shows what there is: it cannot go with --full");
  Session session(arguments);
  if (!session.Open()) return kRefused;
  auto view = session.Set();
  if (!view) return kRefused;
  if (arguments.list || !view->set.spec.backup) {
    if (!arguments.list)
      return Complain(kRefused, fmt::format("{} has no spec.backup", view->set.name),
                      "  try: kubectl explain shardset.spec.backup\n");
    Show(arguments, view->set);
    return 0;
  }
  const std::string request =
      BackupRequest(arguments.full, FormatRfc3339Micros(session.clock().Wall()));
  const Status asked = Annotate(session.api(), {arguments.name_space, arguments.name},
                                op::kBackupAnnotation, request, session.deadline());
  if (!asked) return session.FailMissing(asked.error(), kube::kShardSets);
  const Deadline patience =
      Deadline::After(session.clock(), std::chrono::seconds(arguments.timeout_seconds));
  while (!IsBackedUp(view->set, request)) {
    if (where.terminal && view->set.status.backup && view->set.status.backup->running) {
      fmt::print(stderr, "\r{} of {} shards done ", view->set.status.backup->running->done.size(),
                 view->set.status.shards);
      std::fflush(stderr);
    }
    if (op::IsTrue(view->set.status.conditions, "Paused") || patience.Passed(session.clock()))
      return SayWhyItWaits(arguments, view->set);
    ::poll(nullptr, 0, kLookEveryMillis);
    view = session.Set();
    if (!view) return kRefused;
  }
  if (where.terminal) fmt::print(stderr, "\n");
  Show(arguments, view->set);
  return 0;
}

}  // namespace foreshard::plugin
