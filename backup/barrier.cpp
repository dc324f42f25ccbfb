#include "backup/barrier.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/log.h"

namespace foreshard::backup {

Barrier::Barrier(BarrierOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      view_{.now = clock.Monotonic(),
            .before = options_.before,
            .number = {},
            .hold_asked = {},
            .points_answered = {},
            .after = {},
            .archived = {}},
      points_(options_.shards.size()),
      archived_(options_.shards.size()) {
  CHECK(!options_.shards.empty(), "a barrier over no shard");
  CHECK(options_.shards.size() == options_.before.shards.size(), "shards of another set");
  for (std::size_t i = 0; i < options_.shards.size(); ++i) {
    CHECK(options_.shards[i]->id() == options_.before.shards[i], "another shard",
          options_.before.shards[i]);
  }
}

Barrier::~Barrier() {
  if (view_.lock_asked && !view_.unlocked) Unlock();
  if (view_.hold_asked && !view_.released) Release();
}

Deadline Barrier::In(std::chrono::milliseconds limit) const {
  return Deadline::After(clock_, limit);
}

Barrier::Turn Barrier::Step() {
  view_.now = clock_.Monotonic();
  const BarrierDecision decision = DecideBarrier(view_);
  report_.loss = decision.loss;
  return Act(decision.step);
}

Result<Point> Barrier::Run(const std::function<bool(std::chrono::milliseconds)>& pause) {
  for (;;) {
    const Turn turn = Step();
    if (turn == Turn::kPause && !pause(kArchiveLook)) {
      return Error::Reobserve("the process is to end");
    }
    if (turn != Turn::kDone) continue;
    if (report_.point) return *report_.point;
    return Error::Retry("no point was made: " + report_.message, ToString(report_.loss));
  }
}

Barrier::Turn Barrier::Act(BarrierStep step) {
  switch (step) {
    case BarrierStep::kIntent:
      Begin();
      return Turn::kAgain;
    case BarrierStep::kHold:
      Hold();
      return Turn::kAgain;
    case BarrierStep::kLock:
      Lock();
      return Turn::kAgain;
    case BarrierStep::kMakePoints:
      MakePoints();
      return Turn::kAgain;
    case BarrierStep::kUnlock:
      Unlock();
      return Turn::kAgain;
    case BarrierStep::kRelease:
      Release();
      return Turn::kAgain;
    case BarrierStep::kReadState:
      ReadState();
      return Turn::kAgain;
    case BarrierStep::kSwitchWal:
      return SwitchWal();
    case BarrierStep::kAwaitArchive:
      return AwaitArchive();
    case BarrierStep::kKeep:
      return Keep();
    case BarrierStep::kKept:
      return Turn::kDone;
    case BarrierStep::kLost:
      if (report_.message.empty()) report_.message = ToString(report_.loss);
      log::Warning("point_lost", {{"set", options_.before.set_uid},
                                  {"reason", ToString(report_.loss)},
                                  {"message", report_.message}});
      return Turn::kDone;
  }
  Unreachable(step);
}

// The number first: a process that dies right after has used it up.
void Barrier::Begin() {
  const Result<PointNumber> number = options_.book.Begin(options_.before.set_uid, In(kStateRead));
  if (!number) return Fail(Loss::kNoIntent, number.error());
  const Status connected =
      Each([this](std::size_t i) { return options_.shards[i]->Connect(In(kConnect)); });
  if (!connected) return Fail(Loss::kLock, connected.error());
  view_.number = *number;
}

void Barrier::Hold() {
  view_.hold_asked = clock_.Monotonic();
  const Result<bool> drained = options_.routers.Hold(*view_.number, In(kHoldAnswer));
  if (!drained) return Fail(Loss::kRouters, drained.error());
  view_.drained = *drained;
}

void Barrier::Lock() {
  view_.lock_asked = true;
  const Status locked =
      Each([this](std::size_t i) { return options_.shards[i]->Lock(In(kShardCall)); });
  if (!locked) return Fail(Loss::kLock, locked.error());
  view_.locked = true;
}

void Barrier::MakePoints() {
  view_.points_asked = true;
  made_at_ = clock_.Wall();
  const std::string name = PointName(options_.before.set_uid, *view_.number);
  const Status made = Each([&](std::size_t i) -> Status {
    Result<ShardPoint> point = options_.shards[i]->MakePoint(name, In(kShardCall));
    if (!point) return point.error();
    points_[i] = *std::move(point);
    return Ok();
  });
  if (!made) return Fail(Loss::kPoint, made.error());
  view_.points_answered = clock_.Monotonic();
}

// Also the proof that no lock was lost since it was taken. After a loss it proves nothing more.
void Barrier::Unlock() {
  view_.unlocked = true;
  const Status held =
      Each([this](std::size_t i) { return options_.shards[i]->Unlock(In(kShardCall)); });
  if (!held && view_.failed == Loss::kNone) return Fail(Loss::kLock, held.error());
}

// Whoever does not hear it lets go by itself: that costs those clients time, and the point nothing.
void Barrier::Release() {
  view_.released = true;
  if (const Status released = options_.routers.Release(*view_.number, In(kReleaseAnswer));
      !released) {
    log::Warning("point_release_unheard", {{"message", released.error().message}});
  }
  report_.hold =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.Monotonic() - *view_.hold_asked);
}

void Barrier::ReadState() {
  Result<SetState> after = options_.set.Read(In(kStateRead));
  if (!after) return Fail(Loss::kState, after.error());
  view_.after = *std::move(after);
}

Barrier::Turn Barrier::SwitchWal() {
  const Status switched =
      Each([this](std::size_t i) { return options_.shards[i]->SwitchWal(In(kSwitchCall)); });
  view_.switched = switched.ok();
  if (!switched) report_.message = switched.error().message;
  return switched ? Turn::kAgain : Turn::kPause;
}

Barrier::Turn Barrier::AwaitArchive() {
  std::mutex mutex;
  const Status seen = Each([&](std::size_t i) -> Status {
    {
      const std::lock_guard lock(mutex);
      if (archived_[i]) return Ok();
    }
    const Result<bool> archived = options_.shards[i]->Archived(points_[i], In(kSwitchCall));
    const std::lock_guard lock(mutex);
    if (!archived && archived.error().kind == Error::Kind::kFenced) view_.failed_over = true;
    if (!archived) return archived.error();
    archived_[i] = *archived;
    return Ok();
  });
  if (!seen) report_.message = seen.error().message;
  if (std::find(archived_.begin(), archived_.end(), false) != archived_.end()) return Turn::kPause;
  view_.archived = clock_.Monotonic();
  report_.archive_lag = std::chrono::duration_cast<std::chrono::microseconds>(
      *view_.archived - *view_.points_answered);
  return Turn::kAgain;
}

// What the API said afterwards: the same table, and counters that are at least as high.
Barrier::Turn Barrier::Keep() {
  const Point point{
      .number = *view_.number, .made_at = made_at_, .state = *view_.after, .shards = points_};
  const Status kept = options_.book.Keep(point, In(kStateRead));
  if (!kept &&
      (kept.error().kind == Error::Kind::kFenced || kept.error().kind == Error::Kind::kGiveUp)) {
    Fail(Loss::kNotKept, kept.error());
  }
  if (!kept) {
    report_.message = kept.error().message;
    return Turn::kPause;
  }
  view_.kept = true;
  report_.point = point;
  report_.message.clear();
  return Turn::kAgain;
}

void Barrier::Fail(Loss loss, const Error& error) {
  view_.failed = loss;
  report_.message = error.message;
}

Status Barrier::Each(const std::function<Status(std::size_t)>& call) const {
  const std::size_t count = options_.shards.size();
  std::vector<Status> answers(count);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) answers[i] = call(i);
  };
  {
    std::vector<std::jthread> others;
    const std::size_t threads = std::min(options_.calls_at_once, count);
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  const auto bad = std::find_if(answers.begin(), answers.end(),
                                [](const Status& answer) { return !answer.ok(); });
  return bad == answers.end() ? Ok() : *bad;
}

}  // namespace foreshard::backup
