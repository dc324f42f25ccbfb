#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/plugin/verify.h"
#include "kube/kinds.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::plugin {
namespace {

model::ShardSet Set() {
  model::ShardSet set;
  set.name_space = "shop";
  set.name = "orders";
  return set;
}

model::ShardSet LookedThrough() {
  model::ShardSet set = Set();
  model::AuditStatus audit;
  audit.request = "r1";
  audit.start_time = "2026-05-01T08:00:00Z";
  audit.time = "2026-05-01T09:00:00Z";
  audit.epoch = 12;
  audit.fingerprint = model::Fingerprint(audit.found);
  set.status.audit = audit;
  return set;
}

const model::Diverged kTwoCopies{"public.r", {{{"s-a"}, {1, "x"}}, {{"s-b"}, {2, "y"}}}};

TEST(PluginVerify, SaysWhatIsKnownAndNothingElse) {
  EXPECT_EQ(AuditText(Set()), "orders was not looked through yet\n");
  EXPECT_FALSE(nlohmann::json::parse(AuditJson(Set()))["clean"]) << "not known is not clean";
  model::ShardSet set = LookedThrough();
  EXPECT_NE(AuditText(set).find("every row is on the shard that owns its key"), std::string::npos);
  EXPECT_TRUE(nlohmann::json::parse(AuditJson(set))["clean"]);
  set.status.audit->found.strays = {{{"s-b"}, "public.orders", 2, {"7"}}};
  set.status.audit->repair = model::AuditRepair{
      .request = "x", .time = "2026-05-01T10:00:00Z", .rows = 3, .problem = "no copy"};
  set.status.audit->running = model::AuditRun{.request = {},
                                              .start_time = "2026-05-02T08:00:00Z",
                                              .epoch = 12,
                                              .step = 3,
                                              .steps = 12,
                                              .leaf = {},
                                              .page = 0,
                                              .found = {}};
  const std::string text = AuditText(set);
  EXPECT_EQ(text.find("every row is on"), std::string::npos);
  EXPECT_NE(text.find("s-b: 2 rows of public.orders belong elsewhere; keys: 7"), std::string::npos);
  EXPECT_NE(text.find("not repaired: no copy"), std::string::npos);
  EXPECT_NE(text.find("3 of 12 tables"), std::string::npos);
  const auto json = nlohmann::json::parse(AuditJson(set));
  EXPECT_FALSE(json["clean"]);
  EXPECT_EQ(json["strayRows"], 2);
  EXPECT_EQ(json["strays"][0]["keys"][0], "7");
}

TEST(PluginVerify, ARepairIsShownBeforeItIsAskedFor) {
  model::AuditFindings found;
  found.strays = {{{"s-b"}, "public.orders", 2, {"7"}}};
  EXPECT_EQ(*RepairPlan(found, ""), "  s-b: 2 rows of public.orders go to foreshard.stray_row\n");
  found.diverged = {kTwoCopies};
  EXPECT_FALSE(RepairPlan(found, "")) << "of two copies a person has to choose";
  EXPECT_FALSE(RepairPlan(found, "s-zzz"));
  EXPECT_NE(RepairPlan(found, "s-b")->find("s-a: public.r is made like that of s-b (2 rows)"),
            std::string::npos);
  found.diverged[0].digests[{"s-c"}] = {1, "x"};
  EXPECT_NE(RepairPlan(found, "")->find("s-b: public.r is made like that of s-a"),
            std::string::npos);
  found.diverged[0].digests[{"s-b"}] = {0, model::kMissingDigest};
  EXPECT_FALSE(RepairPlan(found, "s-b"));
}

TEST(PluginVerify, AnAnswerBelongsToItsRequest) {
  model::ShardSet set = LookedThrough();
  EXPECT_TRUE(IsVerified(set, "r1"));
  EXPECT_FALSE(IsVerified(set, "r2"));
  EXPECT_FALSE(IsVerified(Set(), "r1"));
  const std::string request = RepairRequest(*set.status.audit, "s-a", "12:00");
  EXPECT_EQ(request, set.status.audit->fingerprint + " s-a 12:00");
  EXPECT_EQ(RepairRequest(*set.status.audit, "", "12:00"),
            set.status.audit->fingerprint + " - 12:00");
  EXPECT_FALSE(IsRepaired(set, request));
  set.status.audit->repair =
      model::AuditRepair{.request = request, .time = {}, .rows = 0, .problem = {}};
  EXPECT_TRUE(IsRepaired(set, request));
  set.status.audit->running = model::AuditRun();
  EXPECT_FALSE(IsRepaired(set, request)) << "the look after it has not ended";
}

TEST(PluginVerify, AsksByAnAnnotationAndChangesNothingElse) {
  const SystemClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  const kube::ObjectRef ref{"shop", "orders"};
  EXPECT_EQ(Annotate(api, ref, "foreshard.dev/verify", "r1", deadline).error().reason, "NotFound");
  ASSERT_TRUE(api.Create(kube::kShardSets, ref,
                         R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
        "metadata":{"name":"orders","namespace":"shop","annotations":{"a":"b"}},"spec":{"x":1}})",
                         deadline));
  ASSERT_TRUE(Annotate(api, ref, "foreshard.dev/verify", "r1", deadline).ok());
  const auto object = api.Get(kube::kShardSets, ref, deadline);
  ASSERT_TRUE(object && *object);
  EXPECT_EQ((*object)->metadata.annotations,
            (std::map<std::string, std::string>{{"a", "b"}, {"foreshard.dev/verify", "r1"}}));
  EXPECT_EQ((*object)->metadata.generation, 1) << "the spec is as it was";
}

}  // namespace
}  // namespace foreshard::plugin
