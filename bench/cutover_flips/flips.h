#pragma once

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "bench/cutover_flips/fleet.h"
#include "migration/mover_steps.h"
#include "operator/controllers/cutover_loop.h"

// One range goes back and forth between two shards. Every flip is the operator's own CutoverLoop;
// before it what Ready does, after it what Soaking does, so that the other direction stands for the
// next flip.

namespace foreshard::bench {

// Writes down when HOLD and RELEASE were sent.
class TimedControl final : public op::RouterControl {
 public:
  TimedControl(op::RouterControl& inner, const Clock& clock) : inner_(inner), clock_(clock) {}

  std::vector<std::string> Routers() const override { return inner_.Routers(); }
  op::RouterReplies<op::HoldAnswer> Hold(const std::vector<std::string>& routers,
                                         const op::HoldRequest& request,
                                         Deadline deadline) override;
  op::RouterReplies<op::ReleaseAnswer> Release(const std::vector<std::string>& routers,
                                               const op::ReleaseRequest& request,
                                               Deadline deadline) override;
  op::RouterReplies<op::Acknowledged> Lease(const std::vector<std::string>& routers,
                                            const op::LeaseRequest& request,
                                            Deadline deadline) override {
    auto replies = inner_.Lease(routers, request, deadline);
    for (const auto& reply : replies) {
      if (!reply.answer) log::Warning("lease_refused", {{"why", reply.answer.error().message}});
    }
    return replies;
  }
  op::RouterReplies<op::TableAnswer> ReadTable(const std::vector<std::string>& routers,
                                               Deadline deadline) override {
    return inner_.ReadTable(routers, deadline);
  }

  int held_by = 0;  // answers that nothing was in flight any more
  std::optional<MonotonicTime> held;
  std::optional<MonotonicTime> released;

 private:
  op::RouterControl& inner_;
  const Clock& clock_;
};

struct Flip {
  bool done = false;        // false: revoked
  int held_by = 0;          // acknowledged holds
  std::int64_t parked = 0;  // statements that RELEASE let go
  MonotonicTime held;
  MonotonicTime released;
  std::chrono::milliseconds hold{0};
  std::map<std::string, std::chrono::microseconds> steps;  // as CutoverReport has them
};

class Flips {
 public:
  explicit Flips(Fleet& fleet);

  // Copies the range to the second shard with the mover's own steps and starts the stream.
  Status Prepare();
  // One attempt in the direction that is due.
  Result<Flip> Attempt();
  bool first_owns() const { return forward_; }
  // Somebody else has flipped since Prepare(), and does no more.
  std::int64_t record() const { return record_; }
  void TakeOver(std::int64_t record, std::int32_t attempt, bool forward);
  // The mover's digests of both shards, under the stream that runs now.
  Status Verify();

 private:
  struct Pair {
    migration::MigrationSpec spec;
    std::unique_ptr<migration::PgShard> source;
    std::unique_ptr<migration::PgShard> destination;
  };

  migration::MoverOptions OptionsOf(bool forward) const;
  // A new record entered on both shards.
  Result<model::Token> Enter(Pair& pair, std::string_view phase);
  Status MakeReady(Pair& pair, model::Token token);
  Status WaitForQuietStream(Pair& pair, model::Token token);
  Status Soak(Pair& pair, model::Token token);
  void Publish(const model::RoutingTable& table);

  Fleet& fleet_;
  bool forward_ = true;  // the next flip goes from the first shard to the second
  Pair pairs_[2];
  model::RoutingTable table_;
  std::int64_t record_ = 1;
  std::int32_t attempt_ = 0;
  std::int64_t probe_ = 0;
  std::vector<std::jthread> late_;  // the deaf router's file
};

}  // namespace foreshard::bench
