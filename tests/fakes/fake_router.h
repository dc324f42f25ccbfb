#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "operator/routers/router_control.h"
#include "tests/fakes/fake_shard.h"

// FakeRouter:        a router's knowledge, holds and statements, one step at a time.
// FakeRouterControl: the operator's way to a group of them.
//
// Does not imitate: the wire protocol, pools, parsing, transactions over several statements,
// scatter, replicas, park limits.

namespace foreshard::fakes {

struct FakeStatement {
  std::int64_t id = 0;
  int key = 0;
  bool write = false;
  enum class Stage { kNew, kSent, kInTransaction } stage = Stage::kNew;
  std::string shard{};          // where it was sent
  std::int64_t connection = 0;  // over which: with it goes all that was sent and not answered
  FakeProofs proofs{};                 // of that shard
  bool disowned = false;               // when it was sent, that shard knew of another owner
  bool other_next = false;             // ask who was named instead of who is known
  std::string named{};
  std::int32_t named_by = 0;    // the migration of which the refusal spoke
  std::int64_t known_then = 0;  // epoch of what was known of the key when it was named
  std::int64_t transaction = 0;
};

struct FakeReply {
  std::int64_t statement = 0;
  bool failed = false;     // nothing is known: the router or its shard went away
  std::int64_t value = 0;  // -1: no row
};

struct FakeRouterBugs {
  bool retries_after_effect = false;
  bool forgets_leases = false;
  bool believes_the_loser = false;  // that the owner which it names has opened
  bool believes_refusals = false;   // that whom they name against the table owns the keys
};

class FakeRouter {
 public:
  FakeRouter(std::string name, const std::map<std::string, FakeServer*>& servers,
             const Clock& clock, const FakeRouterBugs& bugs)
      : name_(std::move(name)), servers_(servers), clock_(clock), bugs_(bugs) {}

  const std::string& name() const { return name_; }

  // The watch, or the last word of a hold (generation: -1). What is older changes nothing.
  void Offer(const model::RoutingTable& table, std::int64_t generation);
  void Submit(FakeStatement statement) { statements_.push_back(std::move(statement)); }
  // One statement goes one stage on. A reply when it ended.
  std::optional<FakeReply> Step(Random& random);
  std::vector<FakeReply> Restart();          // forgets everything
  void LoseShard(const std::string& shard);  // its connections broke

  bool deaf = false;      // hears neither operator nor watch
  bool unlisted = false;  // its pod is being deleted, or so the API server believes

  model::Epoch epoch() const { return table_ ? table_->epoch : model::Epoch{}; }
  const std::string& OwnerOf(int key) const { return owners_[static_cast<std::size_t>(key)]; }
  bool idle() const { return statements_.empty(); }
  std::int64_t refused_total() const { return refused_total_; }
  std::int64_t parked() const;  // statements that a hold keeps from starting

 private:
  friend class FakeRouterControl;
  struct HeldRange {
    KeyMask keys = 0;
    MonotonicTime until;
  };
  struct LeasedKeys {
    KeyMask keys = 0;
    bool listed = false;  // the table has said that they move
  };

  bool IsHeld(int key) const;
  bool Lists(std::int32_t number) const;
  void EndOldLeases();
  void AddLease(std::int32_t number, KeyMask keys);
  void Learn(int key, const std::string& owner, model::Epoch epoch, std::int32_t number);
  FakeProofs ProofsFor(const FakeStatement& statement, bool named) const;
  void Connect(const std::string& shard);
  bool IsConnected(const std::string& shard) const;
  std::optional<FakeReply> Route(FakeStatement& statement);
  std::optional<FakeReply> Execute(FakeStatement& statement, Random& random);
  std::optional<FakeReply> Refused(FakeStatement& statement, const Error& error);

  std::string name_;
  const std::map<std::string, FakeServer*>& servers_;  // more may come
  const Clock& clock_;
  const FakeRouterBugs& bugs_;
  std::optional<model::RoutingTable> table_;
  std::int64_t generation_ = 0;  // of table_
  std::array<std::string, kFakeKeys> owners_;
  std::array<std::int64_t, kFakeKeys> epochs_{};
  std::map<std::int32_t, HeldRange> holds_;
  std::array<std::int32_t, kFakeKeys>
      told_by_{};  // the migration; 0: the table, or one that is over
  std::map<std::int32_t, LeasedKeys> leases_;
  std::map<std::string, std::int64_t> connected_;  // shard to the number of its connection
  std::int64_t connections_made_ = 0;
  std::vector<FakeStatement> statements_;
  std::int64_t refused_total_ = 0;
};

class FakeRouterControl final : public op::RouterControl {
 public:
  explicit FakeRouterControl(std::vector<FakeRouter*> routers, const Clock& clock)
      : routers_(std::move(routers)), clock_(clock) {}

  std::vector<std::string> Routers() const override;
  op::RouterReplies<op::HoldAnswer> Hold(const std::vector<std::string>& routers,
                                         const op::HoldRequest& request,
                                         Deadline deadline) override;
  op::RouterReplies<op::ReleaseAnswer> Release(const std::vector<std::string>& routers,
                                               const op::ReleaseRequest& request,
                                               Deadline deadline) override;
  op::RouterReplies<op::Acknowledged> Lease(const std::vector<std::string>& routers,
                                            const op::LeaseRequest& request,
                                            Deadline deadline) override;
  op::RouterReplies<op::TableAnswer> ReadTable(const std::vector<std::string>& routers,
                                               Deadline deadline) override;

  model::KeySpace space{model::Strategy::kRange, model::KeyType::kBigint};

 private:
  template <typename Answer>
  op::RouterReplies<Answer> Ask(const std::vector<std::string>& names,
                                const std::function<Result<Answer>(FakeRouter&)>& ask);

  std::vector<FakeRouter*> routers_;
  const Clock& clock_;
};

}  // namespace foreshard::fakes
