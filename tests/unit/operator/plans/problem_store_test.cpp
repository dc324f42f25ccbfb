#include "operator/plans/problem_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/builders/annotations.h"
#include "planner/planner.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/unit/operator/plans/filled_problem.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

const SetName kSet{.name_space = "demo", .name = "demo", .uid = "u1"};
constexpr std::chrono::seconds kBin{300};

class ProblemStoreTest : public testing::Test {
 protected:
  ProblemStoreTest() {
    log::SetSink([this](std::string_view line) { lines_ += line; });
  }
  ~ProblemStoreTest() override { log::SetSink({}); }

  static KeptProblem Question() {
    KeptProblem kept{.problem = FilledProblem(), .usual = {}, .written = WallTime()};
    kept.usual = {.step_bins = 6, .utilisation = {{{"s-aaaa"}, {0.25, 0.50004}}}};
    return kept;
  }
  void Pass(model::BinIndex now, const std::string& stamp = "1 1") {
    store_.Keep(api_, kSet, now, kBin, stamp, Question, Soon());
  }
  Deadline Soon() { return Deadline::After(clock_, std::chrono::seconds(10)); }
  std::optional<kube::Object> Get() {
    return *fake_.Get(kube::kConfigMaps, {"demo", "demo-problem"}, Soon());
  }

  fakes::FakeClock clock_;
  fakes::FakeKubeApi fake_{clock_};
  int writes_ = 0;
  bool refused_ = false;
  fakes::FaultyKubeApi api_{fake_, [this](const fakes::KubeCall& call) {
                              if (call.IsRead()) return fakes::KubeFault::kNone;
                              ++writes_;
                              return refused_ ? fakes::KubeFault::kFailBefore
                                              : fakes::KubeFault::kNone;
                            }};
  ProblemStore store_;
  std::string lines_;
};

TEST_F(ProblemStoreTest, WhatIsKeptIsTheSameQuestion) {
  Pass(1'000);
  const auto object = Get();
  ASSERT_TRUE(object);
  const auto kept = ParseProblemObject(object->json);
  ASSERT_TRUE(kept) << kept.error().message;
  Random first(3);
  Random second(3);
  const model::Plan plan = planner::MakePlan(FilledProblem(), planner::Options{}, first);
  const model::Plan again = planner::MakePlan(kept->problem, planner::Options{}, second);
  EXPECT_EQ(again.decision, plan.decision);
  EXPECT_EQ(again.summary, plan.summary) << "rounding changes nothing that is told";
  EXPECT_EQ(kept->usual.step_bins, 6);
  EXPECT_EQ(kept->usual.utilisation.at({"s-aaaa"}), (std::vector<double>{0.25, 0.5}));
  EXPECT_EQ(lines_, "");
}

TEST_F(ProblemStoreTest, NoKeyOfAClientIsKept) {
  ASSERT_FALSE(FilledProblem().shards.at(0).units.at(0).hot_keys.empty());
  Pass(1'000);
  const KeptProblem kept = *ParseProblemObject(Get()->json);
  for (const planner::Shard& shard : kept.problem.shards) {
    for (const planner::Unit& unit : shard.units) EXPECT_TRUE(unit.hot_keys.empty());
  }
  EXPECT_THAT(Get()->json, Not(HasSubstr("caf")));
}

TEST_F(ProblemStoreTest, ItIsOwnedByTheSetAndNotAnObjectOfTheFleet) {
  Pass(1'000);
  const auto object = Get();
  ASSERT_EQ(object->metadata.owners.size(), 1u);
  EXPECT_EQ(object->metadata.owners[0].uid, "u1");
  EXPECT_FALSE(object->metadata.labels.contains(kSetLabel))
      << "the fleet's controller removes what carries its label and is not wanted";
  EXPECT_EQ(object->metadata.labels.at(kProblemLabel), "demo");
  EXPECT_LT(object->json.size(), 60'000u);
}

TEST_F(ProblemStoreTest, ASteadyStateWritesOnceAnHourAndAChangeAtOnce) {
  for (model::BinIndex now = 1'000; now < 1'012; ++now) Pass(now);
  EXPECT_EQ(writes_, 1);
  Pass(1'012);
  EXPECT_EQ(writes_, 2) << "an hour of five minutes";
  Pass(1'013, "1 2");
  EXPECT_EQ(writes_, 3) << "another epoch: others own the ranges now";
  Pass(1'014, "1 2");
  EXPECT_EQ(writes_, 3);
}

TEST_F(ProblemStoreTest, AnObjectOfSomebodyElseIsLeftAlone) {
  const std::string theirs =
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"demo-problem",
          "namespace":"demo"},"data":{"a":"b"}})";
  ASSERT_TRUE(fake_.Create(kube::kConfigMaps, {"demo", "demo-problem"}, theirs, Soon()));
  Pass(1'000);
  EXPECT_EQ(writes_, 0);
  EXPECT_THAT(lines_, HasSubstr("problem_not_kept"));
  EXPECT_THAT(lines_, HasSubstr("is not ours"));
}

TEST_F(ProblemStoreTest, AFailureIsTriedAgainInAnHour) {
  refused_ = true;
  Pass(1'000);
  Pass(1'001);
  EXPECT_EQ(writes_, 1);
  EXPECT_THAT(lines_, HasSubstr("problem_not_kept"));
  refused_ = false;
  Pass(1'012);
  EXPECT_TRUE(Get());
}

TEST_F(ProblemStoreTest, AFleetThatDoesNotFitHasFewerScenariosOfEachShard) {
  KeptProblem kept = Question();
  const planner::Shard shard = kept.problem.shards[1];
  for (int i = 0; i < 60; ++i) {
    planner::Shard another = shard;
    another.id = {fmt::format("s-c{:03}", i)};
    kept.problem.shards.push_back(std::move(another));
  }
  const auto object = ProblemObject(kSet, kept);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_LT(object->size(), 1u << 20);
  const auto read = ParseProblemObject(*object);
  ASSERT_TRUE(read) << read.error().message;
  for (const planner::Shard& one : read->problem.shards) {
    EXPECT_LT(one.scenarios.paths.size(), 64u);
    EXPECT_EQ(one.scenarios.paths.size(), read->problem.shards[0].scenarios.paths.size());
    EXPECT_EQ(one.scenarios.drawn_from, read->problem.shards[0].scenarios.drawn_from);
  }
  for (int i = 0; i < 400; ++i) {
    planner::Shard another = shard;
    another.id = {fmt::format("s-d{:03}", i)};
    kept.problem.shards.push_back(std::move(another));
  }
  const auto none = ProblemObject(kSet, kept);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("462 shards make"));
}

TEST_F(ProblemStoreTest, ADamagedObjectIsRefusedByField) {
  Pass(1'000);
  const auto with = [this](const std::string& name, const Value& value) {
    Value object = *ParseJson(Get()->json);
    object.Member("data").Set(name, value);
    const auto read = ParseProblemObject(ToJson(object));
    return read ? "accepted" : read.error().message;
  };
  EXPECT_THAT(with("writtenAt", "noon"), HasSubstr("data.writtenAt: 'noon'"));
  EXPECT_THAT(with("problem", "{}"), HasSubstr("version: ''"));
  EXPECT_THAT(with("usual", R"({"stepBins":0,"shards":[]})"),
              HasSubstr("data.usual.stepBins: '0'"));
  EXPECT_THAT(with("usual", {}), HasSubstr("data.usual"));
}

}  // namespace
}  // namespace foreshard::op
