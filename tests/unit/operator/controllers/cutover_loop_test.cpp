#include "operator/controllers/cutover_loop.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_shard.h"
#include "tests/fakes/faulty_migration.h"

namespace foreshard::op {
namespace {

using migration::Side;

migration::MigrationSpec Spec() {
  migration::MigrationSpec spec;
  spec.name = "m";
  spec.uid = "uid-m";
  spec.number = {7};
  spec.source = {"s-aaaa"};
  spec.destination = {"s-bbbb"};
  spec.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
  spec.range = {"4", "8"};
  spec.epoch = {12};
  return spec;
}

// A router that does all it is told, at once. Counts nothing, but says when it holds.
class WillingRouter final : public RouterControl {
 public:
  std::vector<std::string> Routers() const override { return {"router-1"}; }
  RouterReplies<HoldAnswer> Hold(const std::vector<std::string>&, const HoldRequest&,
                                 Deadline) override {
    holds = true;
    return {{"router-1", HoldAnswer{.drained = true}}};
  }
  RouterReplies<ReleaseAnswer> Release(const std::vector<std::string>&, const ReleaseRequest&,
                                       Deadline) override {
    holds = false;
    return {{"router-1", ReleaseAnswer{}}};
  }
  RouterReplies<Acknowledged> Lease(const std::vector<std::string>&, const LeaseRequest&,
                                    Deadline) override {
    return {{"router-1", Acknowledged{}}};
  }
  RouterReplies<TableAnswer> ReadTable(const std::vector<std::string>&, Deadline) override {
    return {};
  }

  bool holds = false;
};

class CutoverLoopTest : public testing::Test {
 protected:
  CutoverLoopTest() {
    table_.shard_set_name = "orders";
    table_.epoch = {12};
    table_.key_space = spec_.key_space;
    table_.ranges = {{{"", "8"}, {"s-aaaa"}}, {{"8", ""}, {"s-bbbb"}}};
    table_.shards = {{.id = {"s-aaaa"}, .primary_service = "a", .replica_service = "a"},
                     {.id = {"s-bbbb"}, .primary_service = "b", .replica_service = "b"}};
    table_.moving = {{.migration = "m", .number = {7}, .range = {"4", "8"}, .keys = {}}};
    source_ = Counted(Side::kSource, source_server_);
    destination_ = Counted(Side::kDestination, destination_server_);
    for (migration::Shard* shard : {source_.get(), destination_.get()}) {
      EXPECT_TRUE(shard->Enter(token_, "Cutover", Soon()).ok());
    }
    EXPECT_TRUE(source_->MakeGate(token_, Soon()).ok());
    EXPECT_TRUE(source_->MakeGateTriggers(token_, Soon()).ok());
    EXPECT_TRUE(destination_->MakeReverseSlot(token_, Soon()).ok());
    EXPECT_TRUE(destination_->SlotAdvanceToNow(token_, Soon()).ok());
  }
  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(20)); }

  // Every call that the loop makes while the router holds is counted.
  std::unique_ptr<migration::Shard> Counted(Side side, fakes::FakeServer& server) {
    return fakes::MakeFaultyShard(
        std::make_unique<fakes::FakeShard>(spec_, side, server),
        [this, side](std::string_view call) {
          if (router_.holds && call != "GateTakeHalf") {
            ++asked_[std::string(migration::ToString(side)) + " " + std::string(call)];
          }
          if (call == "SetLeased") ++leased_;
          if (call == "RehearseGates" && !router_.holds) {
            ++rehearsed_;
            if (cannot_rehearse_) return fakes::CallFault::kBefore;
          }
          const bool lost = call == lost_;
          if (lost) lost_.clear();
          return lost ? fakes::CallFault::kAfter : fakes::CallFault::kNone;
        });
  }

  // Until the keys have their new owner; the stream is as quick as can be.
  migration::CutoverDecision Run() {
    CutoverLoop loop({.spec = spec_,
                      .phase = migration::Phase::kCutover,
                      .attempt = {1},
                      .token = token_,
                      .table = table_,
                      .abort_asked = abort_asked_,
                      .source_identity = {},
                      .destination_identity = {}},
                     *source_, *destination_, router_, clock_);
    for (int turn = 0; turn < 10'000; ++turn) {
      const auto done = loop.Step(Soon());
      if (!router_.holds || !stream_stands_after_hold_) {
        destination_server_.barriers.insert(source_server_.barriers.begin(),
                                            source_server_.barriers.end());
      }
      if (done && *done == CutoverLoop::Turn::kDone) return loop.decision();
      if (done && *done == CutoverLoop::Turn::kPause) clock_.Advance(migration::kPollPause);
    }
    ADD_FAILURE() << "the loop does not end";
    return {};
  }

  fakes::FakeClock clock_;
  fakes::FakeBugs bugs_;
  migration::MigrationSpec spec_ = Spec();
  model::RoutingTable table_;
  model::Token token_ = model::MakeToken(1, 1);
  fakes::FakeServer source_server_{{"s-aaaa"}, bugs_};
  fakes::FakeServer destination_server_{{"s-bbbb"}, bugs_};
  WillingRouter router_;
  std::map<std::string, int> asked_;
  std::string lost_;  // the reply to the next call of this name gets lost
  int leased_ = 0;
  int rehearsed_ = 0;
  bool cannot_rehearse_ = false;
  bool stream_stands_after_hold_ = false;
  bool abort_asked_ = false;
  std::unique_ptr<migration::Shard> source_;
  std::unique_ptr<migration::Shard> destination_;
};

// Between HOLD and RELEASE clients wait for every round trip.
TEST_F(CutoverLoopTest, BetweenHoldAndReleaseNothingIsAskedTwice) {
  EXPECT_EQ(Run().step, migration::CutoverStep::kPublish);
  EXPECT_EQ(asked_,
            (std::map<std::string, int>{{"source GateClose", 1}, {"destination GateTake", 1}}));
}

TEST_F(CutoverLoopTest, BothShardsRehearseTheGatesBeforeTheHold) {
  EXPECT_EQ(Run().step, migration::CutoverStep::kPublish);
  EXPECT_EQ(rehearsed_, 2);
}

TEST_F(CutoverLoopTest, AShardThatCannotRehearseIsOnlySlower) {
  cannot_rehearse_ = true;
  const migration::CutoverDecision end = Run();
  EXPECT_EQ(end.step, migration::CutoverStep::kPublish);
  EXPECT_TRUE(end.owner_gains);
}

TEST_F(CutoverLoopTest, OnlyAnAnswerThatGotLostIsLookedFor) {
  lost_ = "GateTake";
  EXPECT_EQ(Run().step, migration::CutoverStep::kPublish);
  EXPECT_EQ(asked_["destination GateTake"], 1) << "the look told that it had happened";
  EXPECT_EQ(asked_["destination GateOpen"], 1) << "but not that a standby has it";
  EXPECT_EQ(asked_["source LookAtGate"], 1);
  EXPECT_EQ(asked_["destination LookAtGate"], 1);
}

// Without leases it must not close, whatever later looks at the API say.
TEST_F(CutoverLoopTest, AnAttemptThatIsToAbortLeasesAndClosesNothing) {
  abort_asked_ = true;
  const migration::CutoverDecision end = Run();
  EXPECT_EQ(end.step, migration::CutoverStep::kPublish);
  EXPECT_FALSE(end.owner_gains);
  EXPECT_EQ(leased_, 0);
  EXPECT_EQ(asked_, (std::map<std::string, int>{}));
}

// What an operator of before has left: drained, not open.
TEST_F(CutoverLoopTest, HalfATakeIsFinished) {
  lost_ = "GateTakeHalf";
  EXPECT_EQ(Run().step, migration::CutoverStep::kPublish);
  EXPECT_EQ(asked_["destination GateTake"], 0);
  EXPECT_EQ(asked_["destination GateOpen"], 1);
}

// Without its sentinel the gaining shard takes nothing, and each asking is followed by a look at
// both: an asynchronous standby of the losing one may have lost the close.
// behaviour-16
TEST_F(CutoverLoopTest, ASentinelThatDoesNotComeIsLookedForAndThenGivenUp) {
  stream_stands_after_hold_ = true;
  const migration::CutoverDecision end = Run();
  EXPECT_EQ(end.step, migration::CutoverStep::kPublish);
  EXPECT_FALSE(end.owner_gains);
  EXPECT_GT(asked_["destination GateTake"], 1);
  EXPECT_GE(asked_["source LookAtGate"], asked_["destination GateTake"]);
  EXPECT_EQ(asked_["destination GateRevoke"], 1);
  EXPECT_EQ(asked_["source GateReopen"], 1);
}

}  // namespace
}  // namespace foreshard::op
