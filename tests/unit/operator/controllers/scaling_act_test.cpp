#include "operator/controllers/scaling_act.h"

#include "operator/api/conditions.h"
#include "operator/api/migration_json.h"
#include "tests/fakes/faulty_kube_api.h"
#include "tests/unit/operator/controllers/scaling_objects.h"

namespace foreshard::op {
namespace {

using support::Good;

class ScalingActTest : public testing::Test {
 protected:
  void SetUp() override {
    objects_.Create(kube::kShardSets, ScalingObjects::kSet);
    decision_.has_plan = true;
    decision_.plan.reason = model::PlanReason::kPredictedBreach;
    decision_.plan.summary = "Split s-a at 40 before 09:10.";
    model::PlanStatus plan;
    plan.time = "2026-05-01T09:00:00Z";
    plan.summary = decision_.plan.summary;
    plan.decision = "Recommended";
    decision_.status.plan = plan;
    decision_.status.conditions = {{.type = "MetricsFresh",
                                    .status = "True",
                                    .reason = "Fresh",
                                    .message = "",
                                    .observed_generation = 1,
                                    .last_transition_time = "2026-05-01T09:00:00Z"}};
  }

  void WantMigration() {
    model::ShardMigration migration;
    migration.name_space = "shop";
    migration.name = "orders-split-a-1";
    migration.spec.shard_set_name = "orders";
    migration.spec.source = {"s-a"};
    migration.spec.range = model::KeyRange{"", "40"};
    decision_.migration = migration;
  }
  Result<bool> Act(kube::KubeApi& kube) {
    ScalingObservation seen;
    seen.set = objects_.Set();
    return ActOnScaling(kube, seen, decision_, objects_.Soon());
  }
  Result<bool> Act() { return Act(objects_.kube); }
  std::optional<kube::Object> Migration() {
    return *objects_.kube.Get(kube::kShardMigrations, {"shop", "orders-split-a-1"},
                              objects_.Soon());
  }

  ScalingObjects objects_;
  ScalingDecision decision_;
};

TEST_F(ScalingActTest, WithoutAPlanNothingIsWritten) {
  decision_.has_plan = false;
  WantMigration();
  const std::int64_t before = objects_.kube.write_calls();
  const auto acted = Act();
  ASSERT_TRUE(Good(acted));
  EXPECT_FALSE(*acted);
  EXPECT_EQ(objects_.kube.write_calls(), before);
}

TEST_F(ScalingActTest, NewsAreToldOnceAndThenThereIsNothingToWrite) {
  ASSERT_TRUE(Good(Act()));
  EXPECT_EQ(objects_.Set().status.plan->summary, "Split s-a at 40 before 09:10.");
  const std::int64_t before = objects_.kube.write_calls();
  const auto again = Act();
  ASSERT_TRUE(Good(again));
  EXPECT_FALSE(*again);
  EXPECT_EQ(objects_.kube.write_calls(), before);
}

TEST_F(ScalingActTest, WhatTheFleetControllerToldStays) {
  ASSERT_TRUE(Good(objects_.kube.Apply(
      kube::kShardSets, objects_.ref,
      R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet","metadata":{"name":"orders",
       "namespace":"shop"},"status":{"epoch":12,"conditions":[{"type":"Ready","status":"True",
       "reason":"AllShardsReady","message":"","lastTransitionTime":"2026-05-01T09:00:00Z"}]}})",
      {.field_manager = kFleetManager, .force = true, .dry_run = false, .subresource = "status"},
      objects_.Soon())));
  ASSERT_TRUE(Good(Act()));
  const model::ShardSetStatus status = objects_.Set().status;
  EXPECT_EQ(status.epoch, 12);
  EXPECT_TRUE(IsTrue(status.conditions, "Ready"));
  EXPECT_TRUE(IsTrue(status.conditions, "MetricsFresh"));
}

TEST_F(ScalingActTest, AMigrationSaysWhyItWasMade) {
  WantMigration();
  const auto acted = Act();
  ASSERT_TRUE(Good(acted));
  EXPECT_TRUE(*acted);
  const auto made = Migration();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->metadata.annotations.at("foreshard.dev/reason"), "PredictedBreach");
  EXPECT_EQ(made->metadata.annotations.at("foreshard.dev/summary"),
            "Split s-a at 40 before 09:10.");
  const auto parsed = ParseShardMigration(made->json);
  ASSERT_TRUE(Good(parsed));
  EXPECT_EQ(parsed->spec.source.value, "s-a");
  EXPECT_FALSE(parsed->spec.approved) << "a person approves it";
}

// The intent stands in the status before the deed: who reads a migration finds its plan.
TEST_F(ScalingActTest, WhatCouldNotBeShownIsNotDone) {
  WantMigration();
  fakes::FaultyKubeApi faulty(objects_.kube, [](const fakes::KubeCall& call) {
    return call.verb == "apply" ? fakes::KubeFault::kFailBefore : fakes::KubeFault::kNone;
  });
  const auto acted = Act(faulty);
  ASSERT_FALSE(acted);
  EXPECT_EQ(acted.error().kind, Error::Kind::kRetry);
  EXPECT_FALSE(Migration());
}

TEST_F(ScalingActTest, AnAnswerThatWasLostMakesNoSecondMigration) {
  WantMigration();
  fakes::FaultyKubeApi faulty(objects_.kube, [](const fakes::KubeCall& call) {
    return call.verb == "create" ? fakes::KubeFault::kFailAfter : fakes::KubeFault::kNone;
  });
  EXPECT_FALSE(Act(faulty));
  ASSERT_TRUE(Migration());
  const std::string uid = Migration()->metadata.uid;
  const auto again = Act();
  ASSERT_FALSE(again) << "it is there";
  EXPECT_EQ(again.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(Migration()->metadata.uid, uid);
}

}  // namespace
}  // namespace foreshard::op
