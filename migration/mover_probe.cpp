#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/log.h"
#include "migration/limits.h"
#include "migration/mover.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

// Which way the stream flows that matters in a phase; nothing: no probes.
std::optional<Side> PublisherIn(Phase phase) {
  switch (phase) {
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kReady:
      return Side::kSource;
    case Phase::kSoaking:
      return Side::kDestination;
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kPreparing:
    case Phase::kCopying:
    case Phase::kCutover:
    case Phase::kRollingBack:
    case Phase::kCleaningUp:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborting:
    case Phase::kAborted:
      return std::nullopt;
  }
  Unreachable(phase);
}

class Probe {
 public:
  explicit Probe(const Work& work) : work_(work) {}

  Status Step() {
    if (Status connected = Connect(Side::kDestination); !connected) return connected;
    const Result<pg::Rows> row = destination_->Exec(
        "SELECT phase, token, progress FROM foreshard.migration WHERE migration_id = $1",
        {work_.spec().number.value}, work_.In(5s));
    if (!row) return row.error();
    if (row->empty()) return Ok();
    const Result<Phase> phase = ParsePhase(row->Text(0, 0));
    if (!phase) return phase.error();
    const Result<Progress> progress = ParseProgress(row->Text(0, 2));
    if (!progress) return progress.error();
    work_.board.LoadOnce(*progress);
    if (!std::exchange(loaded_, true)) ForgetLag();
    const std::optional<Side> publisher = PublisherIn(*phase);
    if (publisher != publisher_) {
      window_.clear();
      ForgetLag();
    }
    publisher_ = publisher;
    // Before the source is asked, which may be gone for long.
    if (Status told = Report({row->Int(0, 1)}); !told) return told;
    if (!publisher) return Ok();
    if (Status connected = Connect(Side::kSource); !connected) return connected;
    if (Status measured = Measure(*publisher, *phase); !measured) return measured;
    return Report({row->Int(0, 1)});
  }

  // A shard did not answer.
  void Reset() {
    source_.reset();
    destination_.reset();
    ForgetLag();
  }

 private:
  Status Connect(Side side) {
    std::unique_ptr<pg::Connection>& session = side == Side::kSource ? source_ : destination_;
    if (session != nullptr && session->alive()) return Ok();
    auto made = work_.Connect(side);
    if (!made) return made.error();
    session = std::move(*made);
    new_sessions_ = true;
    return Ok();
  }

  // What was measured before a shard was gone, or of another stream, or by another mover says
  // nothing of now: an attempt that trusts it is revoked. Told at once.
  void ForgetLag() {
    fresh_probes_ = 0;
    reported_.reset();
    work_.board.Change([](Progress& progress) {
      progress.lag_millis = progress.lag_p99_millis = progress.lag_last3_millis = -1;
    });
  }

  // A publisher that crashed ends the stream with an error, and an error stops the subscription:
  // nothing but us starts it again. An error that is in the rows comes back each time; the lag
  // shows it. CatchUp counts for itself.
  Status StartStreamAgain(pg::Connection& subscriber, Side publisher, Phase phase) {
    if (phase == Phase::kCatchingUp) return Ok();
    const std::string name = StreamName(work_.spec().number, ShardOf(work_.spec(), publisher));
    const Result<pg::Rows> stopped = subscriber.Exec(
        "SELECT m.token FROM foreshard.migration m, pg_subscription s WHERE m.migration_id = $1 "
        "AND m.phase = $2 AND s.subname = $3 AND NOT s.subenabled",
        {work_.spec().number.value, ToString(phase), name}, work_.In(5s));
    if (!stopped) return stopped.error();
    if (stopped->empty()) return Ok();
    log::Warning("stream_starts_again", {{"subscription", name}, {"phase", ToString(phase)}});
    // The count of errors tells whether a rollback is possible: what a crash left is not one.
    const Status started = ExecClaimed(
        subscriber, work_.spec(), {stopped->Int(0, 0)},
        {{fmt::format("ALTER SUBSCRIPTION {} ENABLE", name)},
         {"SELECT pg_stat_reset_subscription_stats(oid) FROM pg_subscription WHERE subname = $1",
          {name}}},
        work_.In(5s));
    // Another phase has begun: its steps know whether the stream may run.
    return started || started.error().kind == Error::Kind::kFenced ? Ok() : started;
  }

  Status Measure(Side publisher, Phase phase) {
    pg::Connection& from = publisher == Side::kSource ? *source_ : *destination_;
    pg::Connection& to = publisher == Side::kSource ? *destination_ : *source_;
    if (std::exchange(new_sessions_, false)) {
      if (Status started = StartStreamAgain(to, publisher, phase); !started) return started;
    }
    const auto passed = PassProbe(from, to, work_, publisher, 2s);
    if (!passed && passed.error().reason != "LagTooHigh") return passed.error();
    if (!passed) {
      if (Status started = StartStreamAgain(to, publisher, phase); !started) return started;
    }
    const MonotonicTime now = work_.clock.Monotonic();
    // A probe that did not come counts with the time that it was waited for.
    const auto lag = passed ? std::chrono::ceil<std::chrono::milliseconds>(*passed)
                            : std::chrono::milliseconds(2s);
    window_.emplace_back(now, lag);
    while (now - window_.front().first > kProbeWindow) window_.pop_front();
    ++fresh_probes_;
    Show();
    return Ok();
  }

  void Show() {
    std::vector<std::int64_t> lags;
    for (const auto& [time, lag] : window_) lags.push_back(lag.count());
    const std::size_t last3 = std::min<std::size_t>(3, lags.size());
    const std::int64_t largest =
        *std::max_element(lags.end() - static_cast<std::ptrdiff_t>(last3), lags.end());
    const std::int64_t newest = lags.back();
    std::sort(lags.begin(), lags.end());
    const std::int64_t p99 = lags[(lags.size() - 1) * 99 / 100];
    work_.board.Count([](MoverCounters& counters) { ++counters.probes; });
    work_.board.Change([&](Progress& progress) {
      progress.lag_millis = newest;
      if (fresh_probes_ < kProbes) return;
      progress.lag_p99_millis = p99;
      progress.lag_last3_millis = largest;
    });
  }

  Status Report(model::Token token) {
    const MonotonicTime now = work_.clock.Monotonic();
    if (reported_ && now - *reported_ < kReport) return Ok();
    const Status written = work_.board.Publish([&](const std::string& json) {
      return WriteProgress(*destination_, work_.spec(), token, json, work_.In(5s));
    });
    // Fenced: the phase changed between the look and now; the next step has the new token.
    if (!written && written.error().kind != Error::Kind::kFenced) return written;
    if (written) reported_ = now;
    return Ok();
  }

  const Work& work_;
  std::unique_ptr<pg::Connection> source_;
  std::unique_ptr<pg::Connection> destination_;
  bool loaded_ = false;
  std::optional<Side> publisher_;
  std::deque<std::pair<MonotonicTime, std::chrono::milliseconds>> window_;
  int fresh_probes_ = 0;       // since ForgetLag
  bool new_sessions_ = false;  // the stream may have ended with the old ones
  std::optional<MonotonicTime> reported_;
};

}  // namespace

void RunMoverProbe(const Work& work) {
  Probe probe(work);
  do {
    const Status step = probe.Step();
    if (step) continue;
    log::Warning("mover_probe", {{"why", step.error().message}});
    probe.Reset();
    Pause(work.stop, kRetryPause);
  } while (Pause(work.stop, kProbeEvery));
}

}  // namespace foreshard::migration
