#include "operator/controllers/scaling_controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/controllers/scaling_act.h"

namespace foreshard::op {

namespace {

using namespace std::chrono_literals;

constexpr auto kStoreTimeLimit = 5s;

// Stands in for a Prometheus that a set does not name and the installation does not have.
class NoMetrics final : public Metrics {
 public:
  explicit NoMetrics(std::string why) : why_(std::move(why)) {}
  Result<std::vector<MetricSeries>> QueryRange(const RangeQuery&, Deadline) override {
    return Error::GiveUp(why_, "NoPrometheus");
  }

 private:
  std::string why_;
};

// The end of the bin after `newest` and a moment for the scrape, so that each bin is seen once and
// early.
std::chrono::milliseconds UntilNextBin(const model::ShardSet& set, model::BinIndex newest,
                                       WallTime now) {
  const auto end = std::chrono::seconds((newest + 2) * BinOf(set).count()) + 1600ms;
  const auto rest =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - now.time_since_epoch());
  return std::clamp<std::chrono::milliseconds>(rest, 200ms, BinOf(set));
}

// For `plan --what-if`.
KeptProblem QuestionOf(const ScalingObservation& seen, const ScalingMemory& memory) {
  constexpr int kPlacesMost = 336;  // half an hour of a week
  KeptProblem kept{.problem = MakeProblem(seen, memory), .usual = {}, .written = seen.wall};
  kept.usual.step_bins = memory.loads->UsualStep(kPlacesMost);
  kept.usual.utilisation = memory.loads->Usual(kept.usual.step_bins);
  return kept;
}

}  // namespace

ScalingController::ScalingController(ScalingControllerOptions options)
    : options_(std::move(options)) {}
ScalingController::~ScalingController() = default;

std::shared_ptr<ScalingController::Entry> ScalingController::EntryOf(const kube::ObjectRef& ref) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[ref];
  if (!entry) entry = std::make_shared<Entry>();
  return entry;
}

// The URL is a field of the spec, so it may change under us.
void ScalingController::OpenMetrics(Entry& entry, const model::ShardSet& set) const {
  std::string url = set.spec.metrics.prometheus_url;
  if (url.empty()) url = options_.default_prometheus_url;
  if (entry.metrics && entry.url == url) return;
  entry.url = url;
  if (url.empty()) {
    entry.metrics = std::make_unique<NoMetrics>(
        "metrics.prometheusURL is not set and this installation has no Prometheus");
    return;
  }
  Result<std::unique_ptr<Metrics>> opened = options_.open_metrics(url);
  if (opened) {
    entry.metrics = *std::move(opened);
  } else {
    entry.metrics = std::make_unique<NoMetrics>(opened.error().message);
  }
}

// Before a pass: what an earlier process knew, and what was learned beside the last passes.
void ScalingController::Recall(Entry& entry, const model::ShardSet& set, Deadline deadline) const {
  if (set.spec.scaling.mode == model::ScalingMode::kOff) return;
  entry.memory.learns_beside = options_.learner != nullptr;
  if (!std::exchange(entry.read, true)) {
    entry.memory.saved = entry.store.Read(options_.kube, NameOf(set),
                                          deadline.Within(options_.clock, kStoreTimeLimit));
  }
  entry.moves.Read(options_.kube, NameOf(set), entry.memory.kept,
                   deadline.Within(options_.clock, kStoreTimeLimit));
  if (options_.learner == nullptr || !entry.memory.loads) return;
  std::optional<Retrained> learned = options_.learner->Take({set.name_space, set.name});
  if (learned) entry.memory.loads->Adopt(*std::move(learned));
}

// After it: nothing here is needed by this pass.
void ScalingController::Keep(Entry& entry, const ScalingObservation& seen,
                             Deadline deadline) const {
  if (!seen.metrics_read || !entry.memory.loads) return;
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  if (options_.learner != nullptr && !options_.learner->Busy(ref)) {
    std::optional<RetrainJob> job = entry.memory.loads->Due();
    if (job) options_.learner->Start(ref, *std::move(job));
  }
  entry.store.Keep(options_.kube, NameOf(seen.set), *entry.memory.loads, seen.now,
                   deadline.Within(options_.clock, kStoreTimeLimit));
  const std::string stamp =
      fmt::format("{} {}", seen.set.generation, seen.table ? seen.table->epoch.value : 0);
  entry.problems.Keep(
      options_.kube, NameOf(seen.set), seen.now, seen.bin, stamp,
      [&] { return QuestionOf(seen, entry.memory); },
      deadline.Within(options_.clock, kStoreTimeLimit));
}

Result<Outcome> ScalingController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  const Result<std::optional<model::ShardSet>> set = ReadShardSet(options_.kube, ref, deadline);
  if (!set) return set.error();
  if (!*set || (*set)->deleting) {
    if (options_.on_gone) options_.on_gone(ref);
    if (options_.learner != nullptr) options_.learner->Forget(ref);
    const std::lock_guard lock(mutex_);
    entries_.erase(ref);
    return Outcome::Done();  // a change brings it back
  }
  const std::shared_ptr<Entry> entry = EntryOf(ref);
  const model::BinIndex newest = NewestBin(**set, options_.clock.Wall());
  if (entry->memory.planned_at == newest) {
    return Outcome::LookAgain(UntilNextBin(**set, newest, options_.clock.Wall()));
  }
  OpenMetrics(*entry, **set);
  Recall(*entry, **set, deadline);
  const Result<ScalingObservation> seen = ObserveScaling({.kube = options_.kube,
                                                          .metrics = *entry->metrics,
                                                          .heat = options_.heat,
                                                          .clock = options_.clock},
                                                         **set, deadline);
  if (!seen) return seen.error();
  const MonotonicTime begin = options_.clock.Monotonic();
  const ScalingDecision decision = DecideScaling(*seen, entry->memory);
  const double took = std::chrono::duration<double>(options_.clock.Monotonic() - begin).count();
  if (options_.on_pass) {
    options_.on_pass(
        {.seen = &*seen, .decision = &decision, .memory = &entry->memory, .plan_seconds = took});
  }
  if (seen->set.spec.scaling.mode == model::ScalingMode::kOff) return Outcome::Done();
  const Result<bool> acted = ActOnScaling(options_.kube, *seen, decision, deadline);
  if (!acted) return acted.error();
  Keep(*entry, *seen, deadline);
  return Outcome::LookAgain(UntilNextBin(**set, seen->now, options_.clock.Wall()));
}

}  // namespace foreshard::op
