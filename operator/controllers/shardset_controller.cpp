#include "operator/controllers/shardset_controller.h"

#include <fmt/format.h>

#include "base/log.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kAtOnce{1};
constexpr int kFutileApplies = 10;

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
  if (done) return Outcome::LookAgain(kAtOnce);
  if (done.error().kind == Error::Kind::kGiveUp || done.error().kind == Error::Kind::kRetry) {
    TellProblem(seen,
                Error::GiveUp(fmt::format("{} {}: {}", effect.resource.kind, effect.name,
                                          done.error().message),
                              done.error().reason),
                deadline);
  }
  return done.error();
}

Result<Outcome> ShardSetController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  Result<std::optional<ShardSetObservation>> seen = observer_.Observe(ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) return Outcome::Done();
  const ShardSetDecision decision = DecideShardSet(**seen, images_);
  if (!decision.effect) return decision.settled;
  if (IsFutile(ref, *decision.effect)) {
    return Error::GiveUp(fmt::format("{} {} is written differently by the server each time",
                                     decision.effect->resource.kind, decision.effect->name),
                         "ObjectNotSettling");
  }
  const Status done = ActOnShardSet(hands_, **seen, *decision.effect, deadline);
  return AfterEffect(**seen, *decision.effect, done, deadline);
}

}  // namespace foreshard::op
