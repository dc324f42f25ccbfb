#include "operator/controllers/verification_decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLookAgain = 10s;
constexpr std::chrono::milliseconds kLongestWait = 1h;  // clocks jump
constexpr std::size_t kProblemBytesMax = 2'000;

model::VerificationStatus StatusOf(const model::ShardSet& set) {
  if (!set.status.backup) return {};
  return set.status.backup->verification.value_or(model::VerificationStatus());
}

// The moment at which the next turn should have begun. The first one is due as soon as it can be.
std::optional<WallTime> DueTurn(const model::ShardSet& set, const model::VerificationStatus& status,
                                WallTime now) {
  const std::optional<WallTime> last = ParseRfc3339(status.start_time);
  if (!last) return now;
  return FirstScheduled(*set.spec.backup, *set.spec.backup->verification_schedule, *last, now);
}

bool MayBegin(const VerificationObservation& seen) {
  const bool all = std::ranges::all_of(seen.shards, [](const VerificationShardSeen& shard) {
    return shard.backed_up && shard.prepared;
  });
  return seen.ready && !seen.paused && all && !seen.shards.empty() &&
         seen.secret_problem.empty() && !seen.set.status.backup->running;
}

void Begin(const VerificationObservation& seen, model::VerificationStatus& status) {
  const bool asked = !seen.request.empty() && seen.request != status.request;
  const std::optional<WallTime> due = DueTurn(seen.set, status, seen.now);
  if (!asked && !due) return;
  status.running = model::VerificationRun{.request = asked ? seen.request : std::string(),
                                          .start_time = FormatRfc3339(seen.now),
                                          .done = {},
                                          .failures = 0,
                                          .retry_time = {},
                                          .problem = {}};
  if (status.due_time.empty()) status.due_time = FormatRfc3339(due.value_or(seen.now));
}

const VerificationShardSeen* Current(const VerificationObservation& seen,
                                     const model::VerificationStatus& status) {
  if (!status.running) return nullptr;
  const auto next = std::ranges::find_if(seen.shards, [&](const VerificationShardSeen& shard) {
    return std::ranges::find(status.running->done, shard.id) == status.running->done.end();
  });
  return next != seen.shards.end() ? &*next : nullptr;
}

void Put(const model::ShardVerification& shard, model::VerificationStatus& status) {
  std::erase_if(status.shards, [&](const auto& one) { return one.id == shard.id; });
  status.shards.push_back(shard);
  std::ranges::sort(status.shards, {}, &model::ShardVerification::id);
  model::VerificationRun& run = *status.running;
  run.done.push_back(shard.id);
  std::ranges::sort(run.done);
  run.failures = 0;
  run.retry_time.clear();
  run.problem.clear();
}

std::string Shortened(std::string problem) {
  while (problem.ends_with('\n')) problem.pop_back();
  if (problem.size() > kProblemBytesMax) problem.resize(kProblemBytesMax);
  return problem.empty() ? "the Job failed and left no message" : problem;
}

void NoteFailure(const VerificationObservation& seen, const model::ShardId& shard,
                 std::string problem, model::VerificationStatus& status) {
  model::VerificationRun& run = *status.running;
  ++status.failures;
  run.problem = Shortened(std::move(problem));
  if (++run.failures < kVerificationAttempts) {
    run.retry_time = FormatRfc3339(seen.now + BackupRetryAfter(run.failures));
    return;
  }
  Put({.id = shard,
       .time = FormatRfc3339(seen.now),
       .label = {},
       .point = {},
       .rows = 0,
       .pages = 0,
       .seconds = 0,
       .problem = std::string(run.problem)},
      status);
}

// A Job whose end has not been told yet.
bool IsNews(const VerificationShardSeen& shard, const model::VerificationRun& run) {
  return shard.job.exists && shard.job.run == RunLabelOf(run.start_time) && run.retry_time.empty();
}

void NoteJob(const VerificationObservation& seen, const VerificationShardSeen& shard,
             model::VerificationStatus& status) {
  if (!IsNews(shard, *status.running)) return;
  if (shard.job.failed) NoteFailure(seen, shard.id, shard.job.message, status);
  if (!shard.job.succeeded) return;
  const auto result =
      ParseVerificationResult(shard.id, FormatRfc3339(seen.now), shard.job.message);
  if (result) {
    Put(*result, status);
  } else {
    NoteFailure(seen, shard.id, result.error().message, status);
  }
}

const model::ShardVerification* FirstProblem(const model::VerificationStatus& status) {
  const auto found = std::ranges::find_if(
      status.shards, [](const model::ShardVerification& one) { return !one.problem.empty(); });
  return found != status.shards.end() ? &*found : nullptr;
}

void Finish(const VerificationObservation& seen, model::VerificationStatus& status) {
  const model::VerificationRun run = *std::exchange(status.running, std::nullopt);
  if (!run.request.empty()) status.request = run.request;
  status.start_time = run.start_time;
  std::erase_if(status.shards, [&](const model::ShardVerification& shard) {
    return std::ranges::find(seen.shards, shard.id, &VerificationShardSeen::id) ==
           seen.shards.end();
  });
  if (FirstProblem(status) != nullptr) return;
  status.time = FormatRfc3339(seen.now);
  const WallTime start = ParseRfc3339(run.start_time).value_or(seen.now);
  status.seconds = std::chrono::duration_cast<std::chrono::seconds>(seen.now - start).count();
  status.due_time.clear();
}

model::Condition ConditionOf(const VerificationObservation& seen,
                             const model::VerificationStatus& status) {
  model::Condition condition{.type = kVerifiedCondition,
                             .status = "False",
                             .reason = {},
                             .message = {},
                             .observed_generation = seen.set.generation,
                             .last_transition_time = {}};
  const model::ShardVerification* broken = FirstProblem(status);
  if (!seen.secret_problem.empty()) {
    condition.reason = "SecretMissing";
    condition.message = seen.secret_problem;
  } else if (broken != nullptr) {
    condition.reason = "VerificationFailed";
    condition.message = fmt::format("the newest backup of shard {} cannot be restored: {}",
                                    broken->id, broken->problem);
  } else if (status.time.empty()) {
    condition.reason = "NotVerified";
    condition.message = "no backup of all shards was restored and checked yet";
  } else {
    condition.status = "True";
    condition.reason = "Verified";
    condition.message =
        fmt::format("the newest backup of every shard was restored and checked at {}", status.time);
  }
  return condition;
}

bool Deletes(const model::ShardId& shard, const BackupJobSeen& job,
             VerificationDecision& decision) {
  if (!job.exists || job.deleting) return false;
  decision.action = BackupAction::kDeleteJob;
  decision.shard = shard;
  decision.uid = job.uid;
  decision.wait_for = kLookAgain;
  return true;
}

// What was told goes at once: with its pod goes the volume.
bool DeletesTold(const VerificationObservation& seen, const VerificationShardSeen* current,
                 VerificationDecision& decision) {
  return std::ranges::any_of(seen.shards, [&](const VerificationShardSeen& shard) {
    const bool ended = shard.job.failed || shard.job.succeeded;
    const bool news = &shard == current && IsNews(shard, *decision.status->running);
    return ended && !news && Deletes(shard.id, shard.job, decision);
  });
}

void DecideJob(const VerificationObservation& seen, const VerificationShardSeen& shard,
               VerificationDecision& decision) {
  model::VerificationRun& run = *decision.status->running;
  decision.wait_for = UntilTime(seen.now, run.retry_time);
  if (decision.wait_for > 0ms) return;
  decision.wait_for = kLookAgain;
  if (shard.job.exists) return;
  run.retry_time.clear();
  if (!seen.secret_problem.empty() || !shard.prepared || seen.set.status.backup->running) return;
  if (!seen.point_problem.empty()) {
    NoteFailure(seen, shard.id, seen.point_problem, *decision.status);
    return;
  }
  decision.action = BackupAction::kCreateJob;
  decision.shard = shard.id;
  decision.job = {.shard = shard.id, .run = RunLabelOf(run.start_time), .point = seen.point};
  // One that was made since the point has no place in it.
  if (seen.point && std::ranges::find(seen.point->shards, shard.id, &backup::ShardPoint::shard) ==
                        seen.point->shards.end())
    decision.job.point.reset();
}

// What an earlier wish has left goes before it is forgotten.
VerificationDecision DecideEnd(const VerificationObservation& seen) {
  VerificationDecision decision;
  const bool left = std::ranges::any_of(
      seen.shards, [](const VerificationShardSeen& shard) { return shard.job.exists; });
  if (!left) return decision;
  decision.status = StatusOf(seen.set);
  if (const auto* told = FindCondition(seen.set.status.conditions, kVerifiedCondition))
    decision.condition = *told;
  decision.wait_for = kLookAgain;
  for (const VerificationShardSeen& shard : seen.shards)
    if (Deletes(shard.id, shard.job, decision)) break;
  return decision;
}

std::chrono::milliseconds UntilNext(const VerificationObservation& seen) {
  const model::BackupSpec& spec = *seen.set.spec.backup;
  const auto next = FirstScheduled(spec, *spec.verification_schedule, seen.now,
                                   seen.now + kLongestWait);
  if (!next) return kLongestWait;
  return std::max<std::chrono::milliseconds>(
      std::chrono::ceil<std::chrono::milliseconds>(*next - seen.now), 1ms);
}

}  // namespace

std::optional<WallTime> VerificationDueSince(const model::ShardSet& set, WallTime now) {
  if (!set.spec.backup || !set.spec.backup->verification_schedule) return std::nullopt;
  const model::VerificationStatus status = StatusOf(set);
  if (const auto since = ParseRfc3339(status.due_time)) return since;
  if (status.start_time.empty()) return std::nullopt;  // it waits for the first backups
  return DueTurn(set, status, now);
}

VerificationDecision DecideVerification(const VerificationObservation& seen) {
  if (!seen.set.spec.backup || !seen.set.spec.backup->verification_schedule) return DecideEnd(seen);
  VerificationDecision decision;
  decision.status = StatusOf(seen.set);
  model::VerificationStatus& status = *decision.status;
  const bool may_begin = seen.set.status.backup && MayBegin(seen);
  if (!status.running && may_begin) Begin(seen, status);
  const VerificationShardSeen* shard = Current(seen, status);
  if (shard != nullptr) NoteJob(seen, *shard, status);
  shard = Current(seen, status);
  if (status.running && shard == nullptr && !seen.shards.empty()) Finish(seen, status);
  decision.wait_for = status.running || !may_begin ? kLookAgain : UntilNext(seen);
  if (!seen.paused && !DeletesTold(seen, shard, decision) && shard != nullptr)
    DecideJob(seen, *shard, decision);
  decision.condition = ConditionOf(seen, status);
  return decision;
}

}  // namespace foreshard::op
