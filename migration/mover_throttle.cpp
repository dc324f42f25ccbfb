#include "migration/mover_throttle.h"

#include "base/log.h"
#include "migration/mover_work.h"

namespace foreshard::migration {
namespace {

constexpr double kQuantile = 0.95;
constexpr std::size_t kBusyPulses = 10;
constexpr std::chrono::seconds kBaselineLimit = 4s;
constexpr std::chrono::milliseconds kTakePause = 1ms;
constexpr std::chrono::seconds kHealthEvery = 1s;
constexpr std::chrono::seconds kDiskEvery = 10s;
constexpr const char* kThrottled = "Throttled";

// A commit: it needs the processor, the disk and, where it is asked for, the standby, as the writes
// of clients do. The message is for nobody.
constexpr const char* kPulse = "SELECT pg_logical_emit_message(true, 'foreshard', '')";

// WAL that is kept for standbys, not for our own slot: that one is needed in any case, and a slower
// copy would only need it longer.
constexpr const char* kHealth =
    "SELECT coalesce((SELECT max(extract(epoch FROM r.replay_lag)) FROM pg_stat_replication r "
    "LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid "
    "WHERE s.slot_type IS DISTINCT FROM 'logical'), 0)::float8 * 1000, "
    "coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM "
    "pg_replication_slots WHERE slot_type = 'physical'), 0)::float8, "
    "(SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = 'max_slot_wal_keep_size')";

}  // namespace

void Throttle::SetPhase(Phase phase) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
}

bool Throttle::wants_pulses() const {
  const std::lock_guard lock(mutex_);
  // A soak lasts: pulses only while its digest is made.
  return IsMoversPhase(phase_) && (phase_ != Phase::kSoaking || beginning_ || working_);
}

bool Throttle::Begin(std::int64_t bytes, const std::stop_token& stop) {
  const Deadline end = Deadline::After(clock_, kBaselineLimit);
  const auto known = [&] {
    const std::lock_guard lock(mutex_);
    beginning_ = true;
    return source_.idle.size() >= kIdlePulses;
  };
  while (!known() && !end.Passed(clock_)) {
    if (!Pause(stop, kPulseEvery)) return false;
  }
  const std::lock_guard lock(mutex_);
  beginning_ = false;
  working_ = true;
  rate_ = FirstRate(bytes);
  bucket_ = TokenBucket(rate_.bytes_per_second);
  source_.busy.Clear();
  destination_.busy.Clear();
  decided_ = clock_.Monotonic();
  floor_since_.reset();
  seen_.bytes_per_second = rate_.bytes_per_second;
  return true;
}

void Throttle::End() {
  const std::lock_guard lock(mutex_);
  working_ = false;
  source_.idle.Clear();
  destination_.idle.Clear();
  seen_.bytes_per_second = 0;
  seen_.cause = ThrottleCause::kNone;
  seen_.too_long = false;
}

bool Throttle::Take(std::int64_t bytes, const std::stop_token& stop) {
  std::chrono::nanoseconds wait{0};
  {
    const std::lock_guard lock(mutex_);
    if (!working_) return !stop.stop_requested();
    wait = bucket_.Take(clock_.Monotonic(), static_cast<double>(bytes));
    seen_.waited += wait;
  }
  if (wait < kTakePause) return !stop.stop_requested();
  return Pause(stop, std::chrono::ceil<std::chrono::milliseconds>(wait));
}

std::int64_t Throttle::SlicePages(std::int64_t page_bytes) const {
  const std::lock_guard lock(mutex_);
  return PagesPerSlice(rate_.bytes_per_second, page_bytes);
}

void Throttle::AddPulse(Side side, MonotonicTime due, std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  ShardState& shard = side == Side::kSource ? source_ : destination_;
  (working_ ? shard.busy : shard.idle).Add(due, took);
}

void Throttle::SetHealth(Side side, const Health& health) {
  const std::lock_guard lock(mutex_);
  (side == Side::kSource ? source_ : destination_).health = health;
}

ShardPressure Throttle::PressureOf(const ShardState& shard, bool has_clients) const {
  return {.idle = shard.idle.Quantile(kQuantile, kBusyPulses),
          .busy = shard.busy.Quantile(kQuantile, kBusyPulses),
          .replica_lag = shard.health.replica_lag,
          .retained_of_fuse = shard.health.retained_of_fuse,
          .disk_free = shard.health.disk_free,
          .has_clients = has_clients};
}

void Throttle::Step() {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Monotonic();
  if (!working_ || !decided_ || now - *decided_ < kThrottleStep) return;
  // A shard that was made for this has no clients before its cutover, and none after an abort.
  const bool served = phase_ == Phase::kSoaking || phase_ == Phase::kCleaningUp;
  const ThrottleCause cause =
      WhySlower({.source = PressureOf(source_, true),
                 .destination = PressureOf(destination_, !new_destination_ || served)});
  const Rate before = rate_;
  rate_ = NextRate(rate_, cause);
  bucket_.SetRate(now, rate_.bytes_per_second);
  if (before.probing && !rate_.probing) {
    log::Info("throttle",
              {{"cause", ToString(cause)},
               {"bytes_per_second", static_cast<std::int64_t>(rate_.bytes_per_second)}});
  }
  if (cause != ThrottleCause::kNone) {
    seen_.slowed[static_cast<std::size_t>(cause)] += now - *decided_;
    seen_.cause = cause;
  }
  const bool at_floor = !rate_.probing && rate_.bytes_per_second <= rate_.floor;
  if (!at_floor) floor_since_.reset();
  if (at_floor && !floor_since_) floor_since_ = now;
  seen_.too_long = at_floor && now - *floor_since_ >= kFloorTooLong;
  seen_.bytes_per_second = rate_.bytes_per_second;
  decided_ = now;
}

Throttle::Seen Throttle::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

namespace {

class Pulse {
 public:
  Pulse(const Work& work, Side side) : work_(work), side_(side) {}

  Status Step() {
    if (session_ == nullptr || !session_->alive()) {
      auto made = work_.Connect(side_);
      if (!made) return made.error();
      session_ = std::move(*made);
      due_ = work_.clock.Monotonic();
    }
    const Result<pg::Rows> sent = session_->Exec(kPulse, work_.In(5s));
    if (!sent) return sent.error();
    work_.throttle->AddPulse(side_, due_, work_.clock.Monotonic() - due_);
    return Look();
  }

  // How long to wait for the next one; those that were due while this one took its time have been
  // counted.
  std::chrono::milliseconds Next() {
    const MonotonicTime now = work_.clock.Monotonic();
    while (due_ <= now) due_ += kPulseEvery;
    return std::chrono::ceil<std::chrono::milliseconds>(due_ - now);
  }

  void Reset() { session_.reset(); }

 private:
  Status Look() {
    const MonotonicTime now = work_.clock.Monotonic();
    if (now < next_look_) return Ok();
    next_look_ = now + kHealthEvery;
    const Result<pg::Rows> row = session_->Exec(kHealth, work_.In(5s));
    if (!row) return row.error();
    health_.replica_lag = std::chrono::milliseconds(static_cast<std::int64_t>(row->Real(0, 0)));
    const double fuse = row->Real(0, 2);
    health_.retained_of_fuse = fuse > 0 ? row->Real(0, 1) / fuse : 0;
    if (now >= next_disk_look_) {
      next_disk_look_ = now + kDiskEvery;
      const Result<double> free = ReadFreeDisk(*session_, work_.In(5s));
      if (free) health_.disk_free = *free;  // some servers let nobody run df
    }
    work_.throttle->SetHealth(side_, health_);
    return Ok();
  }

  static Result<double> ReadFreeDisk(pg::Connection& session, Deadline deadline);

  const Work& work_;
  Side side_;
  std::unique_ptr<pg::Connection> session_;
  MonotonicTime due_{};
  MonotonicTime next_look_{};  // long ago: at once
  MonotonicTime next_disk_look_{};
  Throttle::Health health_;
};

// PostgreSQL has no function for free space; df on its own machine has.
Result<double> Pulse::ReadFreeDisk(pg::Connection& session, Deadline deadline) {
  Result<pg::Transaction> aside = pg::Transaction::Begin(session, "BEGIN", deadline);
  if (!aside) return aside.error();
  const Result<pg::Rows> asked = session.Exec(
      "CREATE TEMP TABLE foreshard_df (line text) ON COMMIT DROP; "
      "COPY foreshard_df FROM PROGRAM 'df -Pk . | tail -n 1'",
      deadline);
  if (!asked) return asked.error();
  const Result<pg::Rows> free = session.Exec(
      "SELECT f[4]::float8 / greatest(f[2]::float8, 1) FROM (SELECT "
      "regexp_split_to_array(trim(line), '\\s+') f FROM foreshard_df) x",
      deadline);
  if (!free) return free.error();
  if (free->empty()) return Error::Retry("df gave no answer");
  return free->Real(0, 0);
}

}  // namespace

namespace {

// For the exporter and for people.
void Show(const Work& work) {
  const Throttle::Seen seen = work.throttle->seen();
  work.board.Count([&](MoverCounters& counters) { counters.throttle = seen; });
  work.board.Change([&](Progress& progress) {
    if (seen.too_long && progress.waiting.empty()) progress.waiting = kThrottled;
    if (!seen.too_long && progress.waiting == kThrottled) progress.waiting.clear();
  });
}

}  // namespace

void RunPulses(const Work& work, Side side) {
  Pulse pulse(work, side);
  std::chrono::milliseconds pause = kPulseEvery;
  while (Pause(work.stop, pause)) {
    pause = kPulseEvery;
    if (!work.throttle->wants_pulses()) continue;
    const Status step = pulse.Step();
    work.throttle->Step();
    Show(work);
    if (step) {
      pause = pulse.Next();
      continue;
    }
    log::Warning("mover_pulse", {{"side", ToString(side)}, {"why", step.error().message}});
    pulse.Reset();
    pause = kRetryPause;
  }
}

}  // namespace foreshard::migration
