#include "operator/controllers/roll_limit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/builders/annotations.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

const kube::ObjectRef kFirst{"shop", "orders"};
const kube::ObjectRef kSecond{"shop", "bills"};
const kube::ObjectRef kThird{"else", "orders"};

TEST(RollLimit, WhoHasAPlaceKeepsItAndOthersWaitForOne) {
  RollLimit limit(2);
  EXPECT_TRUE(limit.Enter(kFirst, {}));
  EXPECT_TRUE(limit.Enter(kFirst, {}));
  EXPECT_TRUE(limit.May(kSecond)) << "a set has one place, however often it comes";
  EXPECT_TRUE(limit.Enter(kSecond, {}));
  EXPECT_FALSE(limit.May(kThird));
  EXPECT_FALSE(limit.Enter(kThird, {}));
  EXPECT_TRUE(limit.May(kFirst));
  limit.Leave(kThird);
  EXPECT_FALSE(limit.May(kThird)) << "who has none can give none back";
  limit.Leave(kFirst);
  EXPECT_TRUE(limit.May(kThird));
  EXPECT_FALSE(limit.Has(kThird));
}

TEST(RollLimit, WhoIsSeenInTheMiddleOfAChangeHasAPlace) {
  RollLimit limit(1);
  EXPECT_FALSE(limit.Enter(kFirst, {kSecond, kThird})) << "another leader began two";
  EXPECT_TRUE(limit.Has(kSecond));
  EXPECT_TRUE(limit.Enter(kThird, {kSecond, kThird})) << "what was begun goes on";
  limit.Leave(kSecond);
  EXPECT_FALSE(limit.May(kFirst));
  limit.Leave(kThird);
  EXPECT_TRUE(limit.Enter(kFirst, {}));
}

// As the controller of StatefulSets tells of one, with OnDelete.
struct Told {
  int wanted = 2;
  int pods = 2;
  int ready = 2;
  int newest = 0;
  std::string current = "a";
  std::string update = "b";
  int observed = 2;  // generation; that of the object is 2
};

kube::Object StatefulSet(const std::string& shard, const Told& told) {
  kube::Object object;
  object.metadata.name_space = kFirst.name_space;
  object.metadata.name = kFirst.name + "-" + shard;
  object.metadata.labels = {{kSetLabel, kFirst.name}};
  object.json = fmt::format(
      R"({{"metadata":{{"generation":2}},"spec":{{"replicas":{}}},"status":{{"replicas":{},
      "readyReplicas":{},"updatedReplicas":{},"currentRevision":"{}","updateRevision":"{}",
      "observedGeneration":{}}}}})",
      told.wanted, told.pods, told.ready, told.newest, told.current, told.update, told.observed);
  return object;
}

kube::Object ShardSet() {
  kube::Object object;
  object.metadata.name_space = kFirst.name_space;
  object.metadata.name = kFirst.name;
  return object;
}

bool InAChange(const std::vector<Told>& shards, const std::vector<kube::Object>& sets) {
  std::vector<kube::Object> stateful_sets;
  for (const Told& told : shards)
    stateful_sets.push_back(StatefulSet(fmt::format("s-{}", stateful_sets.size()), told));
  return SetsInAChange(stateful_sets, sets) == std::set<kube::ObjectRef>{kFirst};
}

// behaviour-14
TEST(RollLimit, ASetIsInAChangeFromItsFirstPodToItsLast) {
  const Told waits{};
  const Told first_away{.pods = 1, .ready = 1};
  const Told first_is_new{.newest = 1};
  const Told first_starts{.ready = 1, .newest = 1};
  const Told second_away{.pods = 1, .ready = 1, .newest = 1};
  const Told done{.newest = 2};
  const Told same{.newest = 2, .current = "b"};      // never changed since it was made
  const Told made_new{.newest = 2, .current = "b"};  // a shard that came after the change
  for (const auto& [what, shards, in_a_change] :
       std::vector<std::tuple<std::string, std::vector<Told>, bool>>{
           {"nothing to do", {same, same}, false},
           {"waits for its turn", {waits, waits}, false},
           {"waits, and a shard was added", {waits, made_new}, false},
           {"the first pod is away", {first_away, waits}, true},
           {"the first pod starts", {first_starts, waits}, true},
           {"the first pod is there", {first_is_new, waits}, true},
           {"the first shard is done", {done, waits}, true},
           {"the second shard begins", {done, first_away}, true},
           {"the last pod is away", {done, second_away}, true},
           {"the last pod starts", {done, {.ready = 1, .newest = 2}}, true},
           {"done", {done, done}, false},
           {"a pod is missing of what never changed",
            {same, {.pods = 1, .ready = 1, .newest = 1, .current = "b"}},
            false},
           {"the controller has not seen the change", {{.newest = 1, .observed = 1}, waits}, false},
       }) {
    EXPECT_EQ(InAChange(shards, {ShardSet()}), in_a_change) << what;
  }
}

// behaviour-14
TEST(RollLimit, WhoIsPausedOrGoingHoldsUpNobody) {
  const std::vector<Told> middle = {{.newest = 1}};
  EXPECT_TRUE(InAChange(middle, {ShardSet()}));
  EXPECT_FALSE(InAChange(middle, {}));
  kube::Object paused = ShardSet();
  paused.metadata.annotations[kPauseAnnotation] = "true";
  EXPECT_FALSE(InAChange(middle, {paused}));
  kube::Object going = ShardSet();
  going.metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
  EXPECT_FALSE(InAChange(middle, {going}));
}

}  // namespace
}  // namespace foreshard::op
