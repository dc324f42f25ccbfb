#include "operator/forecasts/background_learner.h"

#include "base/check.h"
#include "base/log.h"

namespace foreshard::op {

namespace {

constexpr int kRestsPerStep = 3;  // of the step's duration each: a quarter of a core

}  // namespace

BackgroundLearner::BackgroundLearner(const Clock& clock)
    : clock_(clock), thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

BackgroundLearner::~BackgroundLearner() = default;

bool BackgroundLearner::Busy(const kube::ObjectRef& set) const {
  const std::scoped_lock lock(mutex_);
  return work_.contains(set);
}

void BackgroundLearner::Start(const kube::ObjectRef& set, RetrainJob job) {
  const std::scoped_lock lock(mutex_);
  const auto [work, fresh] = work_.try_emplace(set);
  CHECK(fresh, "one job a set", set.name);
  work->second.job.emplace(std::move(job));
  order_.push_back(set);
  changed_.notify_all();
}

std::optional<Retrained> BackgroundLearner::Take(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  const auto found = work_.find(set);
  if (found == work_.end() || found->second.stage != Stage::kDone) return std::nullopt;
  Retrained learned = std::move(found->second.learned);
  work_.erase(found);
  return learned;
}

void BackgroundLearner::Forget(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  const auto found = work_.find(set);
  if (found == work_.end()) return;
  if (found->second.stage == Stage::kRuns) {
    found->second.forgotten = true;
    return;
  }
  std::erase(order_, set);
  work_.erase(found);
}

void BackgroundLearner::Rest(std::chrono::nanoseconds worked, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, worked * kRestsPerStep, [] { return false; });
}

void BackgroundLearner::Run(std::stop_token stop) {
  const auto run = [this, &stop](const forecast::Tasks& tasks) {
    for (const std::function<void()>& task : tasks) {
      const MonotonicTime begin = clock_.Monotonic();
      task();
      Rest(clock_.Monotonic() - begin, stop);
    }
  };
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !order_.empty(); })) return;
    const kube::ObjectRef set = order_.front();
    order_.pop_front();
    Work& work = work_.at(set);  // stays where it is: nobody erases what runs
    work.stage = Stage::kRuns;
    RetrainJob job = *std::move(work.job);
    work.job.reset();
    const auto ended = [this, &stop, &work] {
      const std::scoped_lock inner(mutex_);
      return stop.stop_requested() || work.forgotten;
    };
    lock.unlock();
    const MonotonicTime begin = clock_.Monotonic();
    const bool network = !job.histories.empty();
    Retrained learned = Retrain(std::move(job), run, ended);
    const double took = std::chrono::duration<double>(clock_.Monotonic() - begin).count();
    log::Debug("forecast_learned", {{"namespace", set.name_space},
                                    {"set", set.name},
                                    {"shards", learned.fitted.size()},
                                    {"network", network},
                                    {"problem", learned.problem},
                                    {"seconds", took}});
    lock.lock();
    work.learned = std::move(learned);
    work.stage = Stage::kDone;
    if (work.forgotten) work_.erase(set);
  }
}

}  // namespace foreshard::op
