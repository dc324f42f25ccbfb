#include "operator/controllers/shardset_controller.h"

#include <fmt/format.h>

#include "base/log.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kAtOnce{1};
constexpr std::chrono::milliseconds kAfterEviction{5'000};
constexpr int kFutileApplies = 10;

// What a person can do about a refusal that says what is wrong, but not what would help.
Error WithAdvice(const Effect& effect, const Error& error) {
  Error advised = Error::GiveUp(
      fmt::format("{} {}: {}", effect.resource.kind, effect.name, error.message), error.reason);
  const auto says = [&error](std::string_view words) {
    return error.message.find(words) != std::string::npos;
  };
  if (error.code != "403") return advised;
  if (says(" cannot ")) {
    advised.message += "; the operator lacks this right: upgrade its chart, or add it to its role";
  } else if (effect.resource == kube::kPersistentVolumeClaims) {
    advised.reason = kStorageCannotGrow;
    if (says("must support resize"))
      advised.message += "; set allowVolumeExpansion: true in its StorageClass";
  }
  return advised;
}

}  // namespace

// The server may write an object differently than we wish it in a way we do not know to be the
// same. Applying it for ever would be a write storm; after some tries in a row it counts as done,
// and the log says so.
bool ShardSetController::IsFutile(const kube::ObjectRef& ref, const Effect& effect) {
  const std::scoped_lock lock(mutex_);
  const std::string text = effect.kind == EffectKind::kApply
                               ? fmt::format("{} {} {}", effect.resource.kind, effect.name,
                                             HashText(ToJson(effect.object)))
                               : std::string();
  auto& [last, times] = repeated_[ref];
  times = !text.empty() && last == text ? times + 1 : 0;
  last = text;
  return times >= kFutileApplies;
}

void ShardSetController::TellProblem(const ShardSetObservation& seen, const Error& problem,
                                     Deadline deadline) {
  const std::optional<Effect> tell = op::TellStatus(seen, StatusWithProblem(seen, problem));
  if (!tell) return;
  const Status told = ActOnShardSet(hands_, seen, *tell, deadline);
  if (!told)
    log::Warning("status_not_told", {{"name", seen.set.name}, {"message", told.error().message}});
}

// Counted anew for each set that begins, not for each pod: another leader may have begun more.
Result<bool> ShardSetController::TakesPlace(const kube::ObjectRef& ref, Deadline deadline) {
  if (roll_limit_.Has(ref)) return true;
  const Result<kube::ObjectList> stateful_sets =
      hands_.kube.List(kube::kStatefulSets,
                       {.name_space = options_.name_space, .label_selector = kSetLabel}, deadline);
  if (!stateful_sets) return stateful_sets.error();
  const Result<kube::ObjectList> shard_sets =
      hands_.kube.List(kube::kShardSets, {.name_space = options_.name_space}, deadline);
  if (!shard_sets) return shard_sets.error();
  return roll_limit_.Enter(ref, SetsInAChange(stateful_sets->items, shard_sets->items));
}

Result<Outcome> ShardSetController::AfterEffect(const ShardSetObservation& seen,
                                                const Effect& effect, const Status& done,
                                                Deadline deadline) {
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  if (effect.kind == EffectKind::kSetUpShard) {
    if (!done) {
      observer_.NoteProblem(ref, effect.shard, done.error().message);
      log::Warning("shard_set_up_failed", {{"set", seen.set.name},
                                           {"shard", effect.shard.value},
                                           {"message", done.error().message}});
      return Outcome::LookAgain(kAtOnce);  // the others go on meanwhile
    }
    observer_.Forget(ref, effect.shard);
  }
  // The budget forbids it now, or the pod went by itself: no trouble of the set.
  if (effect.kind == EffectKind::kEvict) return Outcome::LookAgain(done ? kAtOnce : kAfterEviction);
  if (done) return Outcome::LookAgain(kAtOnce);
  if (done.error().kind == Error::Kind::kGiveUp || done.error().kind == Error::Kind::kRetry) {
    TellProblem(seen, WithAdvice(effect, done.error()), deadline);
  }
  return done.error();
}

Result<Outcome> ShardSetController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  Result<std::optional<ShardSetObservation>> seen = observer_.Observe(ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) {
    roll_limit_.Leave(ref);
    return Outcome::Done();
  }
  (*seen)->may_roll = roll_limit_.May(ref);
  (*seen)->authority_settles = options_.authority_settles;
  const ShardSetDecision decision = DecideShardSet(**seen, images_);
  const bool stands = (*seen)->set.deleting || (*seen)->paused || (*seen)->invalid;
  if (decision.whole || stands) roll_limit_.Leave(ref);
  if (!decision.effect) return decision.settled;
  if (decision.effect->kind == EffectKind::kEvict ||
      decision.effect->kind == EffectKind::kSwitchOver) {
    const Result<bool> room = TakesPlace(ref, deadline);
    if (!room) return room.error();
    if (!*room) return Outcome::LookAgain(kAtOnce);  // it now waits, and the rest goes on
  }
  if (IsFutile(ref, *decision.effect)) {
    const Error futile =
        Error::GiveUp(fmt::format("{} {} is written differently by the server each time",
                                  decision.effect->resource.kind, decision.effect->name),
                      "ObjectNotSettling");
    TellProblem(**seen, futile, deadline);
    return futile;
  }
  const Status done = ActOnShardSet(hands_, **seen, *decision.effect, deadline);
  return AfterEffect(**seen, *decision.effect, done, deadline);
}

}  // namespace foreshard::op
