#include <fmt/format.h>

#include <algorithm>

#include "backup/choose_point.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/builders/restore.h"
#include "operator/controllers/shardset_decide.h"
#include "operator/points/kube_point_book.h"

// How a set begins from the backups of another one (docs/adr/0061).
//
//   points of the book -> one is chosen and written down -> shards of the point, each restored by
//   its first member -> what was in doubt and under way is ended -> routing table -> routers serve
//
// What stays true:
//   R1  The point is written down before any shard is made, and never chosen again.
//   R2  A set that has, or had, anything of its own is never restored over: neither a table nor a
//       claim of an earlier set of its name.
//   R3  No table before everything inside is ended: routers serve nothing without one.

namespace foreshard::op {
namespace {

constexpr std::size_t kNamesShown = 3;

// Claims or other objects of shards that nobody of this restore has made.
std::string WhatIsThere(const ShardSetObservation& seen) {
  std::string names;
  std::size_t shown = 0;
  for (const auto& [key, child] : seen.children) {
    if (child.json["metadata"]["labels"][kShardLabel].Text().empty()) continue;
    if (key.first != "PersistentVolumeClaim" && key.first != "StatefulSet") continue;
    if (++shown > kNamesShown) return names + ", ...";
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", key.first, key.second);
  }
  return names;
}

RestoreStep Refused(std::string reason, std::string message, bool go_on = false) {
  return {.go_on = go_on,
          .restored = false,
          .reason = std::move(reason),
          .message = std::move(message),
          .choose = {}};
}

RestoreStep Choose(const ShardSetObservation& seen) {
  const model::RestoreSpec& from = *seen.set.spec.restore_from;
  if (const std::string there = WhatIsThere(seen); !there.empty()) {
    return Refused("NotEmpty", fmt::format("spec.restoreFrom is accepted only in a set that has "
                                           "nothing yet, and there are {}: give it another name, "
                                           "or delete them first",
                                           there));
  }
  if (!seen.restore.problem.empty()) return Refused("PointsUnreadable", seen.restore.problem);
  if (!seen.restore.book) {
    return Refused("PointNotFound",
                   fmt::format("spec.restoreFrom.set: '{}': there is no ConfigMap {} in namespace "
                               "{}, in which its points would stand: name a set that has some, or "
                               "write the ConfigMap back from your copy of it",
                               from.set, PointBookName(from.set), seen.set.name_space));
  }
  const auto point = backup::ChoosePoint(seen.restore.points, from.point);
  if (!point)
    return Refused(point.error().reason, "spec.restoreFrom.point: " + point.error().message);
  const auto table = RestoredTable(NameOf(seen.set), seen.set.spec.sharding.key_space, *point);
  if (!table) {
    return Refused("PointUnusable",
                   fmt::format("spec.sharding: strategy and keyType of '{}' are expected; by those "
                               "given here its routing table is none: {}",
                               from.set, table.error().message));
  }
  if (!seen.restore_files &&
      FindChild(seen.children, "Secret", RestoreName(NameOf(seen.set))) == nullptr)
    return Refused("SecretMissing", seen.restore.secret_problem);
  return {.go_on = false,
          .restored = false,
          .reason = "PointChosen",
          .message = {},
          .choose = *point};
}

std::string Said(const RestoreRecord& record) {
  return fmt::format("{} of {}",
                     backup::PointName(record.point.state.set_uid, record.point.number),
                     FormatRfc3339(record.point.made_at));
}

}  // namespace

RestoreStep JudgeRestore(const ShardSetObservation& seen) {
  if (seen.restore.record && (seen.table || !seen.restore.record->ended.empty())) {
    return {.go_on = true,
            .restored = true,
            .reason = "Restored",
            .message = fmt::format("as '{}' was at {}; {}", seen.restore.record->from,
                                   Said(*seen.restore.record), seen.restore.record->ended),
            .choose = {}};
  }
  if (seen.restore.record) {
    std::size_t up = 0;
    for (const backup::ShardPoint& shard : seen.restore.record->point.shards) {
      const auto database = seen.databases.find(shard.shard);
      up += database != seen.databases.end() && database->second.known ? 1 : 0;
    }
    return {.go_on = true,
            .restored = false,
            .reason = "Restoring",
            .message = fmt::format("{} of {} shards of '{}' take part again, at {}", up,
                                   seen.restore.record->point.shards.size(),
                                   seen.restore.record->from, Said(*seen.restore.record)),
            .choose = {}};
  }
  if (!seen.table && seen.set.status.epoch == 0) return Choose(seen);
  const model::Condition* told = FindCondition(seen.set.status.conditions, kRestoredCondition);
  if (told != nullptr && told->status == "True") {  // its record was deleted since
    return {.go_on = true,
            .restored = true,
            .reason = told->reason,
            .message = told->message,
            .choose = {}};
  }
  return Refused("NotEmpty",
                 fmt::format("spec.restoreFrom is accepted only in a new ShardSet; this one has a "
                             "routing table of epoch {}: nothing was restored, and it goes on as "
                             "it is. Make another ShardSet with it",
                             std::max(seen.set.status.epoch,
                                      seen.table ? seen.table->epoch.value : 0)),
                 true);
}

std::optional<Effect> BeginRestore(const ShardSetObservation& seen, const RestoreStep& step) {
  if (!step.choose) return std::nullopt;
  Effect effect;
  effect.kind = EffectKind::kCreate;
  effect.resource = kube::kConfigMaps;
  effect.name = RestoreName(NameOf(seen.set));
  effect.object =
      BuildRestoreRecord(NameOf(seen.set), seen.set.spec.restore_from->set, *step.choose);
  effect.event = EventText{.kind = "ShardSet",
                           .name = seen.set.name,
                           .uid = seen.set.uid,
                           .warning = false,
                           .reason = "PointChosen",
                           .message = fmt::format("it is restored to {} of {}",
                                                  backup::PointName(step.choose->state.set_uid,
                                                                    step.choose->number),
                                                  FormatRfc3339(step.choose->made_at))};
  return effect;
}

std::optional<Effect> EndRestore(const ShardSetObservation& seen) {
  if (!seen.restore.record || !seen.restore.record->ended.empty()) return std::nullopt;
  Effect effect;
  effect.kind = EffectKind::kEndRestore;
  effect.resource = kube::kConfigMaps;
  effect.name = RestoreName(NameOf(seen.set));
  return effect;
}

}  // namespace foreshard::op
