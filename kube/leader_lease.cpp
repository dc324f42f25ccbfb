#include "kube/leader_lease.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/pause.h"
#include "kube/kinds.h"

namespace foreshard::kube {

LeaderLease::LeaderLease(KubeApi& api, const Clock& clock, LeaderLeaseOptions options)
    : api_(api), clock_(clock), options_(std::move(options)) {
  CHECK(!options_.identity.empty(), "an election without an identity");
  CHECK(options_.margin + options_.renew_every < options_.duration,
        "a lease too short to be renewed");
}

std::chrono::milliseconds LeaderLease::Step() {
  bool give_back = false;
  {
    const std::scoped_lock lock(mutex_);
    give_back = std::exchange(give_back_, false);
  }
  if (give_back) {
    Release();
    // Somebody newer exists: let it have the Lease before we stand again.
    return options_.duration;
  }
  const std::chrono::milliseconds wait = TryOnce(Deadline::After(clock_, options_.renew_every));
  bool late = false;
  {
    const std::scoped_lock lock(mutex_);
    late = leads_ && clock_.Monotonic() >= believes_until_;
  }
  if (late) Lost("the lease could not be renewed in time");
  return wait;
}

std::chrono::milliseconds LeaderLease::TryOnce(Deadline deadline) {
  const Result<std::optional<Object>> seen = api_.Get(kLeases, options_.lease, deadline);
  if (!seen) {
    log::Warning("lease_unreadable",
                 {{"lease", options_.lease.name}, {"error", seen.error().message}});
    return options_.try_every;
  }
  if (!seen->has_value()) return TakeOver(std::nullopt, {}, deadline);
  const Result<LeaseRecord> record = ParseLease(**seen);
  if (!record) {
    log::Error("lease_invalid",
               {{"lease", options_.lease.name}, {"error", record.error().message}});
    return options_.try_every;
  }
  bool ours = false;
  {
    const std::scoped_lock lock(mutex_);
    ours = leads_ && record->holder == options_.identity && record->transitions == transitions_;
  }
  if (ours) return Renew(**seen, *record, deadline);
  Lost("the lease is held by '" + record->holder + "'");
  if (record->holder == options_.identity && tried_transitions_ == record->transitions) {
    // The take-over happened; only its answer was lost. Once: if its time is over by now, the next
    // step sees a term of ours that ended, and takes the Lease again.
    tried_transitions_.reset();
    Won(tried_at_, record->transitions);
    return options_.try_every;
  }
  // A term of ours that ended because it was not renewed in time, and nobody else took since.
  const bool was_ours = record->holder == options_.identity && record->transitions == transitions();
  if (record->holder.empty() || was_ours || MayBeDead(**seen, *record)) {
    return TakeOver(*seen, *record, deadline);
  }
  return options_.try_every;
}

// By our own clock: has the Lease been as it is for as long as its holder promised to renew it?
bool LeaderLease::MayBeDead(const Object& seen, const LeaseRecord& record) {
  const MonotonicTime now = clock_.Monotonic();
  if (seen.metadata.resource_version != seen_version_) {
    seen_version_ = seen.metadata.resource_version;
    seen_at_ = now;
  }
  return now - seen_at_ >= record.duration;
}

std::chrono::milliseconds LeaderLease::TakeOver(const std::optional<Object>& seen,
                                                const LeaseRecord& old, Deadline deadline) {
  const MonotonicTime before = clock_.Monotonic();
  const std::string now = FormatRfc3339Micros(clock_.Wall());
  const LeaseRecord record{
      .holder = options_.identity,
      .duration = std::chrono::duration_cast<std::chrono::seconds>(options_.duration),
      .transitions = old.transitions + 1,
      .acquire_time = now,
      .renew_time = now};
  const Result<Object> written =
      seen ? api_.Replace(kLeases, options_.lease, WithRecord(*seen, record), "", deadline)
           : api_.Create(kLeases, options_.lease, NewLease(options_.lease, record), deadline);
  tried_transitions_.reset();
  if (!written) {
    if (written.error().code.empty()) {
      tried_transitions_ = record.transitions;
      tried_at_ = before;
    }
    log::Info("lease_not_taken",
              {{"lease", options_.lease.name}, {"error", written.error().message}});
    return options_.try_every;
  }
  Won(before, record.transitions);
  return options_.renew_every;
}

std::chrono::milliseconds LeaderLease::Renew(const Object& seen, const LeaseRecord& record,
                                             Deadline deadline) {
  const MonotonicTime before = clock_.Monotonic();
  LeaseRecord renewed = record;
  renewed.renew_time = FormatRfc3339Micros(clock_.Wall());
  const Result<Object> written =
      api_.Replace(kLeases, options_.lease, WithRecord(seen, renewed), "", deadline);
  if (!written) {
    log::Warning("lease_not_renewed",
                 {{"lease", options_.lease.name}, {"error", written.error().message}});
    return options_.try_every;
  }
  const std::scoped_lock lock(mutex_);
  // StepDown() may have come in between.
  if (leads_) believes_until_ = before + options_.duration - options_.margin;
  return options_.renew_every;
}

void LeaderLease::Won(MonotonicTime since, std::int64_t transitions) {
  {
    const std::scoped_lock lock(mutex_);
    leads_ = true;
    believes_until_ = since + options_.duration - options_.margin;
    transitions_ = transitions;
  }
  log::Info("lease_taken", {{"lease", options_.lease.name},
                            {"identity", options_.identity},
                            {"transitions", transitions}});
}

void LeaderLease::Lost(const std::string& reason) {
  {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(leads_, false)) return;
  }
  log::Warning(
      "lease_lost",
      {{"lease", options_.lease.name}, {"identity", options_.identity}, {"reason", reason}});
}

void LeaderLease::StepDown(const std::string& reason) {
  Lost(reason);
  const std::scoped_lock lock(mutex_);
  give_back_ = true;
}

void LeaderLease::Release() {
  Lost("released");
  const Deadline deadline = Deadline::After(clock_, options_.renew_every);
  const Result<std::optional<Object>> seen = api_.Get(kLeases, options_.lease, deadline);
  if (!seen || !seen->has_value()) return;
  Result<LeaseRecord> record = ParseLease(**seen);
  if (!record || record->holder != options_.identity) return;
  record->holder.clear();
  record->duration = std::chrono::seconds(1);
  record->renew_time = FormatRfc3339Micros(clock_.Wall());
  const Result<Object> written =
      api_.Replace(kLeases, options_.lease, WithRecord(**seen, *record), "", deadline);
  if (!written) log::Warning("lease_not_released", {{"error", written.error().message}});
}

bool LeaderLease::Leads() const {
  const std::scoped_lock lock(mutex_);
  return leads_ && clock_.Monotonic() < believes_until_;
}

std::chrono::milliseconds LeaderLease::Left() const {
  const std::scoped_lock lock(mutex_);
  if (!leads_) return std::chrono::milliseconds(0);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(believes_until_ - clock_.Monotonic());
  return std::max(left, std::chrono::milliseconds(0));
}

std::int64_t LeaderLease::transitions() const {
  const std::scoped_lock lock(mutex_);
  return transitions_;
}

void LeaderLease::Run(std::stop_token stop) {
  while (!stop.stop_requested()) Pause(stop, Step());
  Release();
}

}  // namespace foreshard::kube
