#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "base/random.h"
#include "operator/controllers/shardset_controller.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/unit/operator/controllers/shardset_world.h"

// The API server fails, lies and is slow to know; the process ends at any write. A set must become
// the same objects all the same, and must be gone without a trace when it is deleted.

namespace foreshard::op {
namespace {

using fakes::FaultyKubeApi;
using fakes::KubeCall;
using fakes::KubeFault;

constexpr int kPassesMax = 500;
constexpr int kFaultyPasses = 30;
constexpr int kQuietPasses = 4;  // so many in a row without a write: it has settled

// A life of one set: it is made, grows a member and a router, and is deleted. Pods are played.
class Life {
 public:
  // Chooses the fault of each call; may also say that the process ends after this one.
  using Decide = std::function<KubeFault(const KubeCall&, bool& ends)>;

  Life(const char* policy, Decide decide) : policy_(policy), decide_(std::move(decide)) {
    world_.Write(Spec(2, 1));
  }

  void WishMore() { world_.Write(Spec(3, 2)); }
  void Delete() { world_.Remove(kube::kShardSets, "orders"); }
  void SetHealthy(bool healthy) { healthy_ = healthy; }
  void Pass(int passes) {
    for (int i = 0; i < passes; ++i) static_cast<void>(IsQuietPass());
  }
  // Until several passes in a row had nothing to do.
  void Settle() {
    int quiet = 0;
    for (int pass = 0; pass < kPassesMax; ++pass) {
      quiet = IsQuietPass() ? quiet + 1 : 0;
      // A look inside a shard is repeated after two seconds.
      if (quiet >= kQuietPasses) return;
    }
    problem_ = "it never settles";
  }
  bool Settled() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  int writes() const { return writes_; }

  // Everything that is there, without what differs between two lives that are the same.
  std::map<std::string, std::string> Objects() {
    std::map<std::string, std::string> objects;
    for (const kube::ResourceKind& kind :
         {kube::kShardSets, kube::kStatefulSets, kube::kDeployments, kube::kServices,
          kube::kEndpoints, kube::kSecrets, kube::kConfigMaps, kube::kPodDisruptionBudgets,
          kube::kServiceAccounts, kube::kRoles, kube::kRoleBindings, kube::kRoutingTables,
          kube::kPersistentVolumeClaims, kube::kPods}) {
      for (Value& object : world_.All(kind)) {
        Value& metadata = object.Member("metadata");
        for (const char* name : {"uid", "resourceVersion", "creationTimestamp", "generation"})
          metadata.Remove(name);
        object.Remove("status");
        if (kind == kube::kSecrets) {  // random; that they are there is what matters
          Value keys = Value::Object();
          for (const auto& [key, text] : object["data"].Fields())
            keys.Set(key, !text.Text().empty());
          object.Set("data", std::move(keys));
        }
        objects[kind.kind + " " + metadata["name"].Text()] = ToJson(object);
      }
    }
    return objects;
  }
  ShardSetWorld& world() { return world_; }

 private:
  std::string Spec(int members, int routers) const {
    std::string spec = kQuickSpec;
    spec.replace(spec.find("\"members\": 2"), 12, fmt::format("\"members\": {}", members));
    spec.replace(spec.find("\"replicas\": 1"), 13, fmt::format("\"replicas\": {}", routers));
    spec.replace(spec.find("\"initialShards\": 2"), 18, "\"initialShards\": 1");
    spec.insert(1, fmt::format(R"("deletionPolicy":"{}",)", policy_));
    return spec;
  }

  KubeFault Choose(const KubeCall& call) {
    if (!call.IsRead() && call.kind != kube::kEvents) ++writes_;
    return healthy_ ? KubeFault::kNone : decide_(call, ends_);
  }

  bool IsQuietPass() {
    const int before = writes_;
    const auto result = controller_->Reconcile(world_.ref, world_.Soon());
    const bool ended = std::exchange(ends_, false);
    if (ended) controller_ = MakeController();
    world_.StartPods();
    world_.StopPods();
    world_.clock.Advance(std::chrono::seconds(1));
    return result && writes_ == before && !ended;
  }

  std::unique_ptr<ShardSetController> MakeController() {
    return std::make_unique<ShardSetController>(faulty_, world_.admin, world_.clock, Images{});
  }

  const char* policy_;
  Decide decide_;
  bool healthy_ = false;
  bool ends_ = false;
  int writes_ = 0;
  std::string problem_;
  ShardSetWorld world_;
  FaultyKubeApi faulty_{world_.kube, [this](const KubeCall& call) { return Choose(call); }};
  std::unique_ptr<ShardSetController> controller_ = MakeController();
};

struct Reference {
  std::map<std::string, std::string> created;
  std::map<std::string, std::string> scaled;
  std::map<std::string, std::string> deleted;
  int writes = 0;
};

constexpr const char* kPolicies[] = {"Retain", "Delete"};

Reference WithoutFaults(const char* policy) {
  Life life(policy, [](const KubeCall&, bool&) { return KubeFault::kNone; });
  Reference reference;
  life.Settle();
  EXPECT_EQ(life.world().Condition("Ready"), "True") << life.world().ConditionMessage("Ready");
  reference.created = life.Objects();
  life.WishMore();
  life.Settle();
  reference.scaled = life.Objects();
  life.Delete();
  life.Settle();
  reference.deleted = life.Objects();
  reference.writes = life.writes();
  EXPECT_TRUE(life.Settled()) << life.problem();
  EXPECT_GT(reference.created.size(), 30U);
  EXPECT_EQ(reference.deleted.count("ShardSet orders"), 0U);
  return reference;
}

const Reference& Same(int policy) {
  static const std::array<Reference, 2> references = {WithoutFaults(kPolicies[0]),
                                                      WithoutFaults(kPolicies[1])};
  return references.at(static_cast<std::size_t>(policy));
}

void ExpectTheSame(const std::map<std::string, std::string>& seen,
                   const std::map<std::string, std::string>& wanted, const std::string& replay) {
  for (const auto& [name, json] : wanted) {
    const auto found = seen.find(name);
    if (found == seen.end()) {
      ADD_FAILURE() << name << " is missing: " << replay;
    } else {
      EXPECT_EQ(found->second, json) << name << ": " << replay;
    }
  }
  for (const auto& [name, json] : seen)
    EXPECT_TRUE(wanted.contains(name)) << name << ": " << replay;
}

KubeFault AnyFault(Random& random, const KubeCall& call) {
  if (call.IsRead()) {
    constexpr KubeFault kOfReads[] = {KubeFault::kFailBefore, KubeFault::kStale, KubeFault::kBusy,
                                      KubeFault::kBroken};
    return kOfReads[random.Below(std::size(kOfReads))];
  }
  constexpr KubeFault kOfWrites[] = {KubeFault::kFailBefore, KubeFault::kFailAfter,
                                     KubeFault::kConflict, KubeFault::kBusy, KubeFault::kBroken};
  return kOfWrites[random.Below(std::size(kOfWrites))];
}

void SurvivesFaults(std::uint64_t seed) {
  Random random(seed);
  // Rare faults meet states that frequent ones never reach, and the other way round.
  const double likely = std::array{0.002, 0.01, 0.05, 0.15}[seed % 4];
  const double ending = seed % 3 == 0 ? likely / 2 : 0;
  const int policy = static_cast<int>(seed / 4 % 2);
  Life life(kPolicies[policy], [&](const KubeCall& call, bool& ends) {
    ends = ends || (!call.IsRead() && random.Unit() < ending);
    return random.Unit() < likely ? AnyFault(random, call) : KubeFault::kNone;
  });
  const std::string replay = fmt::format("seed {}", seed);
  life.Pass(kFaultyPasses);
  life.WishMore();
  life.Pass(kFaultyPasses);
  life.SetHealthy(true);
  life.Settle();
  ExpectTheSame(life.Objects(), Same(policy).scaled, replay);
  EXPECT_EQ(life.world().Condition("Ready"), "True") << replay;
  life.Delete();
  life.SetHealthy(false);
  life.Pass(kFaultyPasses);
  life.SetHealthy(true);
  life.Settle();
  ExpectTheSame(life.Objects(), Same(policy).deleted, replay);
  EXPECT_TRUE(life.Settled()) << replay << ": " << life.problem();
}

void SurvivesItsEnd(int policy, int nth, bool after) {
  int writes = 0;
  Life life(kPolicies[policy], [&](const KubeCall& call, bool& ends) {
    const bool counts = !call.IsRead() && call.kind != kube::kEvents;
    if (!counts || ++writes != nth) return KubeFault::kNone;
    ends = true;
    return after ? KubeFault::kFailAfter : KubeFault::kFailBefore;
  });
  const std::string replay =
      fmt::format("policy {}, {} write {}", kPolicies[policy], after ? "after" : "before", nth);
  life.Settle();
  ExpectTheSame(life.Objects(), Same(policy).created, replay);
  life.WishMore();
  life.Settle();
  ExpectTheSame(life.Objects(), Same(policy).scaled, replay);
  life.Delete();
  life.Settle();
  ExpectTheSame(life.Objects(), Same(policy).deleted, replay);
  EXPECT_TRUE(life.Settled()) << replay << ": " << life.problem();
}

// behaviour-02
TEST(ShardSetFaults, SeedsOfAFaultyServerEndInTheSameObjects) {
  for (std::uint64_t seed = 1; seed <= 12 && !HasFailure(); ++seed) SurvivesFaults(seed);
  EXPECT_GT(Same(0).writes, 30) << "a life without writes proves nothing";
}

// behaviour-02
TEST(ShardSetFaults, KilledAfterEachThirdWriteItEndsInTheSameObjects) {
  EXPECT_GT(Same(1).writes, 30);
  for (int nth = 1; nth <= Same(1).writes && !HasFailure(); nth += 3) SurvivesItsEnd(1, nth, true);
}

// behaviour-02
TEST(ShardSetFaultsLong, ThreeHundredSeedsEndInTheSameObjects) {
  for (std::uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) SurvivesFaults(seed);
  EXPECT_FALSE(HasFailure());
}

// behaviour-02
TEST(ShardSetFaultsLong, KilledBeforeOrAfterEachWriteWithEitherPolicyItEndsInTheSameObjects) {
  for (const int policy : {0, 1}) {
    for (int nth = 1; nth <= Same(policy).writes && !HasFailure(); ++nth) {
      SurvivesItsEnd(policy, nth, false);
      SurvivesItsEnd(policy, nth, true);
    }
  }
  EXPECT_FALSE(HasFailure());
}

}  // namespace
}  // namespace foreshard::op
