#include "operator/work_queue.h"

#include <algorithm>

#include "base/log.h"
#include "operator/limits.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kShortestWait{1};
// How often somebody who may not work asks whether that has changed.
constexpr std::chrono::milliseconds kIdleWait{100};

}  // namespace

double TokenBucket::Filled(MonotonicTime now) const {
  const double seconds = std::chrono::duration<double>(now - filled_at_).count();
  return std::min(burst_, tokens_ + std::max(seconds, 0.0) * per_second_);
}

bool TokenBucket::Take(MonotonicTime now) {
  tokens_ = Filled(now);
  filled_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

MonotonicTime TokenBucket::NextAt(MonotonicTime now) const {
  const double missing = 1 - Filled(now);
  if (missing <= 0) return now;
  return now +
         std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::duration<double>(missing / per_second_)) +
         std::chrono::milliseconds(1);
}

WorkQueue::WorkQueue(Reconciler& reconciler, TokenBucket& bucket, std::mutex& bucket_mutex,
                     WorkQueueOptions options)
    : reconciler_(reconciler),
      bucket_(bucket),
      bucket_mutex_(bucket_mutex),
      options_(std::move(options)),
      backoff_(Random(options_.seed)) {}

void WorkQueue::AddAt(const kube::ObjectRef& key, Turn turn) {
  {
    const std::scoped_lock lock(mutex_);
    if (due_.size() >= kQueueKeysMax && !due_.contains(key)) {
      log::Error("queue_full", {{"controller", options_.controller}, {"name", key.name}});
      return;
    }
    const auto [place, added] = due_.emplace(key, turn);
    Turn& known = place->second;
    if (!added) known = {.due = std::min(known.due, turn.due), .first = known.first || turn.first};
    ++version_;
  }
  changed_.notify_one();
}

void WorkQueue::Add(const kube::ObjectRef& key) { AddAt(key, {.due = options_.clock.Monotonic()}); }

void WorkQueue::AddFirst(const kube::ObjectRef& key) {
  AddAt(key, {.due = options_.clock.Monotonic(), .first = true});
}

void WorkQueue::AddAfter(const kube::ObjectRef& key, std::chrono::milliseconds after) {
  AddAt(key, {.due = options_.clock.Monotonic() + after});
}

std::optional<kube::ObjectRef> WorkQueue::TakeDue(MonotonicTime now) {
  const std::scoped_lock lock(mutex_);
  const kube::ObjectRef* earliest = nullptr;
  Turn best{.due = now};
  for (const auto& [key, turn] : due_) {
    if (turn.due > now || active_.contains(key)) continue;
    const bool before = turn.first == best.first ? turn.due < best.due : turn.first;
    if (earliest != nullptr && !before) continue;
    earliest = &key;
    best = turn;
  }
  if (earliest == nullptr) return std::nullopt;
  {
    const std::scoped_lock bucket_lock(bucket_mutex_);
    if (!bucket_.Take(now)) return std::nullopt;
  }
  kube::ObjectRef key = *earliest;
  due_.erase(key);
  active_.insert(key);
  return key;
}

bool WorkQueue::Step() {
  if (!MayWork()) return false;
  const MonotonicTime start = options_.clock.Monotonic();
  const std::optional<kube::ObjectRef> key = TakeDue(start);
  if (!key) return false;
  const Result<Outcome> result =
      reconciler_.Reconcile(*key, Deadline::After(options_.clock, kReconcileTimeLimit));
  if (options_.on_pass) {
    options_.on_pass({.controller = options_.controller,
                      .key = *key,
                      .took = options_.clock.Monotonic() - start,
                      .result = &result});
  }
  Finish(*key, result);
  return true;
}

bool WorkQueue::MayWork() const { return !options_.may_work || options_.may_work(); }

void WorkQueue::Finish(const kube::ObjectRef& key, const Result<Outcome>& result) {
  {
    const std::scoped_lock lock(mutex_);
    active_.erase(key);
    ++version_;
  }
  changed_.notify_one();
  if (result) {
    backoff_.Forget(key);
    if (result->look_again_after.count() > 0) AddAfter(key, result->look_again_after);
    return;
  }
  const Error& error = result.error();
  log::Warning("reconcile_failed", {{"controller", options_.controller},
                                    {"namespace", key.name_space},
                                    {"name", key.name},
                                    {"kind", ToString(error.kind)},
                                    {"reason", error.reason},
                                    {"message", error.message}});
  switch (error.kind) {
    case Error::Kind::kReobserve:
      // Growing too, from the second time on: what is never as we saw it must not be asked twenty
      // times a second.
      AddAfter(key, std::max(kReobservePause, backoff_.Next(key) / 2));
      return;
    case Error::Kind::kRetry:
    case Error::Kind::kFenced:
      AddAfter(key, backoff_.Next(key));
      return;
    case Error::Kind::kGiveUp:
      // Nothing helps until an input changes, and then a watch says so. Looked at rarely all the
      // same: an input may be one that nobody watches.
      AddAfter(key, kBackoffLongest);
      return;
  }
  Unreachable(error.kind);
}

void WorkQueue::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::uint64_t seen = 0;
    {
      const std::scoped_lock lock(mutex_);
      seen = version_;
    }
    if (Step()) continue;
    const MonotonicTime now = options_.clock.Monotonic();
    MonotonicTime wake = NextDue().value_or(now + std::chrono::seconds(1));
    if (!MayWork()) {
      wake = now + kIdleWait;
    } else if (wake <= now) {  // due, but the bucket is empty
      const std::scoped_lock bucket_lock(bucket_mutex_);
      wake = bucket_.NextAt(now);
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, std::max<std::chrono::nanoseconds>(wake - now, kShortestWait),
                      [&] { return version_ != seen; });
  }
}

std::size_t WorkQueue::depth() const {
  const std::scoped_lock lock(mutex_);
  return due_.size();
}

std::size_t WorkQueue::active() const {
  const std::scoped_lock lock(mutex_);
  return active_.size();
}

std::optional<MonotonicTime> WorkQueue::NextDue() const {
  const std::scoped_lock lock(mutex_);
  std::optional<MonotonicTime> next;
  for (const auto& [key, turn] : due_) {
    if (active_.contains(key)) continue;
    next = next ? std::min(*next, turn.due) : turn.due;
  }
  return next;
}

}  // namespace foreshard::op
