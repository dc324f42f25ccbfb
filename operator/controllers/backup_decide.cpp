#include "operator/controllers/backup_decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/calendar/occurrences.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kRetryFirst = 30s;
constexpr std::chrono::seconds kRetryLongest = 30min;
constexpr std::chrono::milliseconds kLookAgain = 10s;
constexpr std::chrono::milliseconds kLongestWait = 1h;  // clocks jump
constexpr auto kCalendarBack = std::chrono::hours(24 * 400);
constexpr int kFailuresToTell = 3;
constexpr std::size_t kProblemBytesMax = 800;

std::optional<WallTime> StartOf(const std::optional<model::BackupDone>& done) {
  return done ? ParseRfc3339(done->start_time) : std::nullopt;
}

struct Due {
  model::BackupType type = model::BackupType::kFull;
  std::optional<WallTime> since;
};

const model::ShardBackup* Find(const std::vector<model::ShardBackup>& shards,
                               const model::ShardId& id) {
  const auto found = std::ranges::find(shards, id, &model::ShardBackup::id);
  return found != shards.end() ? &*found : nullptr;
}

bool AllBackedUp(const BackupObservation& seen, const model::BackupStatus& status) {
  return std::ranges::all_of(seen.shards, [&](const BackupShardSeen& shard) {
    return Find(status.shards, shard.id) != nullptr;
  });
}

// What the schedule wants; a whole copy comes before a smaller one.
std::optional<Due> DueBySchedule(const BackupObservation& seen, const model::BackupStatus& status) {
  const model::BackupSpec& spec = *seen.set.spec.backup;
  const std::optional<WallTime> full = StartOf(status.last_full);
  if (!full) return Due{.type = model::BackupType::kFull, .since = std::nullopt};
  if (const auto since = FirstScheduled(spec, spec.full_schedule, *full, seen.now))
    return Due{.type = model::BackupType::kFull, .since = since};
  // A shard that was made since has none to add to: pgBackRest makes its first one whole.
  if (!AllBackedUp(seen, status))
    return Due{.type = model::BackupType::kIncremental, .since = std::nullopt};
  const WallTime last = std::max(*full, StartOf(status.last_incremental).value_or(*full));
  if (const auto since = FirstScheduled(spec, spec.incremental_schedule, last, seen.now))
    return Due{.type = model::BackupType::kIncremental, .since = since};
  return std::nullopt;
}

bool IsAsked(const BackupObservation& seen, const model::BackupStatus& status) {
  return !seen.request.empty() && seen.request != status.request;
}

model::BackupRun NewRun(const BackupObservation& seen, const model::BackupStatus& status,
                        const std::optional<Due>& due) {
  const bool asked = IsAsked(seen, status);
  const bool full = (asked && seen.request.starts_with(ToText(model::BackupType::kFull))) ||
                    (due && due->type == model::BackupType::kFull);
  return {.request = asked ? seen.request : std::string(),
          .type = full ? model::BackupType::kFull : model::BackupType::kIncremental,
          .start_time = FormatRfc3339(seen.now),
          .done = {},
          .failures = 0,
          .retry_time = {},
          .problem = {}};
}

// What pgBackRest says was wrong, with its hints, which are indented; before that its log repeats
// the options, and then it says that it ends.
std::string ProblemOf(const std::string& message) {
  const std::size_t error = message.find("ERROR:");
  std::string problem = error != std::string::npos ? message.substr(error) : message;
  for (std::size_t end = problem.find('\n'); end != std::string::npos && error != std::string::npos;
       end = problem.find('\n', end + 1)) {
    if (problem.substr(end + 1, 1) != " ") problem.resize(end);
  }
  while (problem.ends_with('\n')) problem.pop_back();
  if (problem.size() > kProblemBytesMax) problem.resize(kProblemBytesMax);
  return problem.empty() ? "the Job failed and left no message" : problem;
}

void NoteFailure(const BackupObservation& seen, std::string problem, model::BackupStatus& status) {
  model::BackupRun& run = *status.running;
  ++run.failures;
  ++status.failures;
  run.problem = std::move(problem);
  run.retry_time = FormatRfc3339(seen.now + BackupRetryAfter(run.failures));
}

void Put(const model::ShardBackup& shard, std::vector<model::ShardBackup>& shards) {
  std::erase_if(shards, [&](const model::ShardBackup& one) { return one.id == shard.id; });
  shards.push_back(shard);
  std::ranges::sort(shards, {}, &model::ShardBackup::id);
}

void Finish(const BackupObservation& seen, model::BackupStatus& status) {
  const model::BackupRun run = *std::exchange(status.running, std::nullopt);
  if (!run.request.empty()) status.request = run.request;
  std::erase_if(status.shards, [&](const model::ShardBackup& shard) {
    return std::ranges::find(seen.shards, shard.id, &BackupShardSeen::id) == seen.shards.end();
  });
  model::BackupDone done{.start_time = run.start_time, .time = {}};
  bool whole = true;
  status.oldest_time.clear();
  for (const model::ShardBackup& shard : status.shards) {
    done.time = std::max(done.time, shard.time);
    done.size_bytes += shard.size_bytes;
    done.repository_bytes += shard.repository_bytes;
    whole = whole && shard.type == "full";
    status.oldest_time = std::max(status.oldest_time, shard.oldest_time);
  }
  (whole ? status.last_full : status.last_incremental) = done;
}

const BackupShardSeen* Current(const BackupObservation& seen, const model::BackupRun& run) {
  const auto next = std::ranges::find_if(seen.shards, [&](const BackupShardSeen& shard) {
    return Find(run.done, shard.id) == nullptr;
  });
  return next != seen.shards.end() ? &*next : nullptr;
}

// What the Job of the current shard has come to; the status tells it before the next step.
void NoteJob(const BackupObservation& seen, const BackupShardSeen& shard,
             model::BackupStatus& status) {
  model::BackupRun& run = *status.running;
  if (!shard.job.exists || shard.job.run != RunLabelOf(run.start_time)) return;
  if (!run.retry_time.empty()) return;  // it was counted
  if (shard.job.failed) NoteFailure(seen, ProblemOf(shard.job.message), status);
  if (!shard.job.succeeded) return;
  const auto result = ParseBackupResult(shard.id, shard.job.message);
  if (!result) {
    NoteFailure(seen, result.error().message, status);
    return;
  }
  run.failures = 0;
  run.problem.clear();
  Put(*result, run.done);
  Put(*result, status.shards);
}

void DecideJob(const BackupObservation& seen, const BackupShardSeen& shard,
               BackupDecision& decision) {
  model::BackupRun& run = *decision.status->running;
  decision.shard = shard.id;
  decision.wait_for = UntilTime(seen.now, run.retry_time);
  if (decision.wait_for > 0ms) return;
  const bool counted = !run.retry_time.empty();
  if (shard.job.exists && (counted || shard.job.run != RunLabelOf(run.start_time))) {
    decision.wait_for = kLookAgain;
    if (shard.job.deleting) return;
    // One that still works, of a turn that nobody knows, ends first.
    if (!shard.job.failed && !shard.job.succeeded) return;
    decision.action = BackupAction::kDeleteJob;
    decision.uid = shard.job.uid;
    return;
  }
  run.retry_time.clear();
  decision.wait_for = kLookAgain;
  if (shard.job.exists || !seen.secret_problem.empty() || !shard.prepared) return;
  decision.action = BackupAction::kCreateJob;
  decision.job = {
      .shard = shard.id, .primary = shard.primary, .type = run.type, .run = RunLabelOf(run.start_time)};
}

std::chrono::milliseconds UntilNextDue(const BackupObservation& seen) {
  const model::BackupSpec& spec = *seen.set.spec.backup;
  std::chrono::milliseconds wait = kLongestWait;
  for (const std::string& schedule : {spec.full_schedule, spec.incremental_schedule}) {
    if (const auto next = FirstScheduled(spec, schedule, seen.now, seen.now + kLongestWait))
      wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*next - seen.now));
  }
  return std::max<std::chrono::milliseconds>(wait, 1ms);
}

model::Condition ConditionOf(const BackupObservation& seen, const model::BackupStatus& status) {
  model::Condition condition{.type = kBackupCondition,
                             .status = "False",
                             .reason = {},
                             .message = {},
                             .observed_generation = seen.set.generation,
                             .last_transition_time = {}};
  const model::BackupRun run = status.running.value_or(model::BackupRun());
  if (!seen.secret_problem.empty()) {
    condition.reason = "SecretMissing";
    condition.message = seen.secret_problem;
  } else if (run.failures >= kFailuresToTell || (run.failures > 0 && !AllBackedUp(seen, status))) {
    condition.reason = "BackupFails";
    condition.message =
        fmt::format("failures in a row: {}; the last one: {}", run.failures, run.problem);
  } else if (seen.shards.empty() || !AllBackedUp(seen, status)) {
    condition.reason = "NoBaseBackup";
    condition.message = "not every shard has a base backup yet";
  } else {
    condition.status = "True";
    condition.reason = "BackedUp";
    condition.message = "every shard has a base backup, and its WAL is archived";
  }
  return condition;
}

}  // namespace

std::chrono::seconds BackupRetryAfter(int failures) {
  const int doublings = std::min(failures - 1, 10);
  return std::min<std::chrono::seconds>(kRetryFirst * (1 << doublings), kRetryLongest);
}

std::optional<WallTime> FirstScheduled(const model::BackupSpec& backup, const std::string& schedule,
                                       WallTime after, WallTime until) {
  const auto starts = StartsWithin(
      model::FreezeWindow{
          .name = {}, .schedule = schedule, .duration = 1min, .time_zone = backup.time_zone},
      std::max(after + 1s, until - kCalendarBack), until + 1s);
  if (!starts || starts->empty()) return std::nullopt;
  return starts->front();
}

std::string RunLabelOf(const std::string& start_time) { return HashText(start_time); }

std::chrono::milliseconds UntilTime(WallTime now, const std::string& time) {
  const std::optional<WallTime> then = ParseRfc3339(time);
  if (!then || *then <= now) return 0ms;
  return std::clamp<std::chrono::milliseconds>(
      std::chrono::ceil<std::chrono::milliseconds>(*then - now), 1ms, kLongestWait);
}

std::optional<WallTime> BackupDueSince(const BackupObservation& seen) {
  if (!seen.set.spec.backup || seen.shards.empty()) return std::nullopt;
  const model::BackupStatus status = seen.set.status.backup.value_or(model::BackupStatus());
  std::optional<WallTime> since;
  if (status.running) since = ParseRfc3339(status.running->start_time);
  const std::optional<Due> due = DueBySchedule(seen, status);
  if (due && due->since && (!since || *due->since < *since)) since = due->since;
  return since;
}

BackupDecision DecideBackups(const BackupObservation& seen) {
  BackupDecision decision;
  if (!seen.set.spec.backup) return decision;
  decision.status = seen.set.status.backup.value_or(model::BackupStatus());
  model::BackupStatus& status = *decision.status;
  const bool may_begin = seen.ready && !seen.paused && !seen.shards.empty();
  if (!status.running && may_begin) {
    const std::optional<Due> due = DueBySchedule(seen, status);
    if (due || IsAsked(seen, status)) status.running = NewRun(seen, status, due);
  }
  const BackupShardSeen* shard = nullptr;
  if (status.running && !seen.shards.empty()) {
    shard = Current(seen, *status.running);
    if (shard != nullptr) NoteJob(seen, *shard, status);
    shard = Current(seen, *status.running);
    if (shard == nullptr) Finish(seen, status);
  }
  decision.condition = ConditionOf(seen, status);
  decision.wait_for = status.running || !may_begin ? kLookAgain : UntilNextDue(seen);
  if (shard != nullptr && !seen.paused) DecideJob(seen, *shard, decision);
  return decision;
}

}  // namespace foreshard::op
