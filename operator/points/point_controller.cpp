#include "operator/points/point_controller.h"

#include <algorithm>

#include "backup/barrier.h"
#include "backup/pg_point_shard.h"
#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/points/kube_point_book.h"
#include "operator/points/kube_set_source.h"
#include "operator/routers/held_routers.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kAgainAfterLoss = 30s;
constexpr std::chrono::milliseconds kLookAgain = 30s;  // something has to become true first

// The set, if it may be asked for anything.
Result<std::optional<model::ShardSet>> ReadSet(kube::KubeApi& kube, const kube::ObjectRef& ref,
                                               Deadline deadline) {
  const auto object = kube.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<model::ShardSet>();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set || set->deleting || !set->spec.backup) return std::optional<model::ShardSet>();
  const auto pause = (*object)->metadata.annotations.find(kPauseAnnotation);
  const bool paused = pause != (*object)->metadata.annotations.end() && pause->second == "true";
  // As if no shard had a backup: there is no point to make, and one to look for later.
  if (paused || !IsTrue(set->status.conditions, "Ready")) set->status.backup.reset();
  return std::optional(*std::move(set));
}

}  // namespace

std::optional<std::chrono::milliseconds> UntilNextPoint(const model::ShardSet& set,
                                                        const std::set<model::ShardId>& shards,
                                                        WallTime now) {
  if (!set.spec.backup || !set.status.backup || shards.empty()) return std::nullopt;
  const model::BackupStatus& status = *set.status.backup;
  const bool all = std::ranges::all_of(shards, [&](const model::ShardId& shard) {
    return std::ranges::find(status.shards, shard, &model::ShardBackup::id) != status.shards.end();
  });
  if (!all) return std::nullopt;
  if (!status.last_point) return 0ms;
  const std::optional<WallTime> last = ParseRfc3339(status.last_point->time);
  if (!last) return 0ms;
  const auto rest =
      std::chrono::ceil<std::chrono::milliseconds>(*last + set.spec.backup->point_interval - now);
  // A clock that was set back must not stop them.
  return std::clamp<std::chrono::milliseconds>(rest, 0ms, set.spec.backup->point_interval);
}

std::shared_ptr<RouterDirectory> PointController::RoutersOf(const kube::ObjectRef& ref) {
  const std::scoped_lock lock(mutex_);
  std::shared_ptr<RouterDirectory>& routers = routers_[ref];
  if (!routers) routers = options_.routers();
  return routers;
}

void PointController::Forget(const kube::ObjectRef& ref) {
  const std::scoped_lock lock(mutex_);
  routers_.erase(ref);
  tried_.erase(ref);
}

Status PointController::MakePoint(const model::ShardSet& set, model::BackupStatus& told,
                                  Deadline deadline) {
  KubeSetSource source(options_.kube, set, options_.transitions);
  const auto state = source.Read(deadline);
  if (!state) return state.error();
  const auto table = source.ReadTable(deadline);
  if (!table) return table.error();
  std::vector<std::unique_ptr<backup::PgPointShard>> shards;
  std::vector<backup::PointShard*> asked;
  for (const model::ShardId& shard : state->shards) {
    const auto conninfo = options_.conninfo(set, shard, deadline);
    if (!conninfo) return conninfo.error();
    shards.push_back(std::make_unique<backup::PgPointShard>(shard, *conninfo, options_.clock));
    asked.push_back(shards.back().get());
  }
  const auto directory = RoutersOf({set.name_space, set.name});
  const auto control = directory->Open(set.name_space, set.name, deadline);
  if (!control) return control.error();
  HeldRouters routers(**control, *table);
  KubePointBook book({.kube = options_.kube,
                      .set = {set.name_space, set.name},
                      .oldest = ParseRfc3339(set.status.backup->oldest_time)});
  backup::Barrier barrier(
      {.before = *state, .shards = asked, .routers = routers, .set = source, .book = book},
      options_.clock);
  const Result<backup::Point> point = barrier.Run(options_.pause);
  const backup::BarrierReport& report = barrier.report();
  if (!point) return point.error();
  log::Info("point_made", {{"set", set.name},
                           {"namespace", set.name_space},
                           {"number", point->number.value},
                           {"hold_micros", report.hold.count()},
                           {"archive_micros", report.archive_lag.count()}});
  told.last_point = model::BackupPoint{point->number.value, FormatRfc3339(point->made_at)};
  return Ok();
}

Status PointController::Tell(const model::ShardSet& set, const model::BackupStatus& told,
                             Deadline deadline) {
  const auto written = options_.kube.Apply(
      kube::kShardSets, {set.name_space, set.name}, ToJson(PointStatusApply(set, told)),
      {.field_manager = kPointsManager, .force = true, .dry_run = false, .subresource = "status"},
      deadline);
  if (!written) return written.error();
  return Ok();
}

Result<Outcome> PointController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  for (kube::KubeApi* kube : {&options_.copies, &options_.kube}) {
    const auto set = ReadSet(*kube, ref, deadline);
    if (!set) return set.error();
    if (!*set) {
      Forget(ref);
      return Outcome::Done();
    }
    KubeSetSource source(*kube, **set, options_.transitions);
    const auto table = source.ReadTable(deadline);
    if (!table) return Outcome::LookAgain(kLookAgain);
    std::set<model::ShardId> shards;
    for (const model::ShardAddress& shard : table->shards) shards.insert(shard.id);
    const auto wait = UntilNextPoint(**set, shards, options_.clock.Wall());
    if (!wait) return Outcome::LookAgain(kLookAgain);
    if (*wait > 0ms) return Outcome::LookAgain(*wait);
    if (kube == &options_.copies) continue;  // a copy may be old
    const MonotonicTime now = options_.clock.Monotonic();
    {
      const std::scoped_lock lock(mutex_);
      const auto tried = tried_.find(ref);
      if (tried != tried_.end() && now < tried->second + kAgainAfterLoss)
        return Outcome::LookAgain(kAgainAfterLoss);
      tried_[ref] = now;
    }
    model::BackupStatus told = *(*set)->status.backup;
    const model::BackupStatus before = told;
    const Status made = MakePoint(**set, told, deadline);
    told.point_problem = made ? "" : made.error().reason;
    if (!made && told.point_problem.empty()) told.point_problem = made.error().message;
    if (made) {
      const std::scoped_lock lock(mutex_);
      tried_.erase(ref);  // only a loss is waited for
    }
    if (told != before) {
      const Status written = Tell(**set, told, Deadline::After(options_.clock, 10s));
      if (!written) return written.error();
    }
    return Outcome::LookAgain(made ? (*set)->spec.backup->point_interval : kAgainAfterLoss);
  }
  return Outcome::Done();
}

}  // namespace foreshard::op
