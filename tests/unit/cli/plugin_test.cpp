#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/plugin/act.h"
#include "cli/plugin/view.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::plugin {
namespace {

SetView Example(const std::string& decision) {
  SetView view;
  view.set.name_space = "shop";
  view.set.name = "orders";
  view.set.status.shards = 2;
  view.set.status.ready_shards = 2;
  model::ShardStatus hot;
  hot.id = {"s-4kq7"};
  hot.ready = true;
  hot.ranges = {"-80"};
  hot.cpu_percent = 41;
  hot.forecast_peak_percent = 88;
  hot.forecast_peak_time = "2026-05-01T09:10:00Z";
  view.set.status.shard_statuses.push_back(hot);
  model::PlanStatus plan;
  plan.decision = decision;
  plan.summary = "Split s-4kq7 at 40 before 09:10: p95 CPU would reach 88 %, limit 80 %.";
  plan.steps.push_back({.type = "Split",
                        .shard = {"s-4kq7"},
                        .at = "40",
                        .start_time = "2026-05-01T09:00:00Z",
                        .reason = "PredictedBreach"});
  view.set.status.plan = plan;
  model::RoutingTable table;
  table.ranges = {{.range = {.from = "", .to = "80"}, .shard = {"s-4kq7"}},
                  {.range = {.from = "80", .to = ""}, .shard = {"s-9x2d"}}};
  view.table = table;
  return view;
}

TEST(PluginPlan, SaysWhyAndWhatWouldChangeIt) {
  const std::string waiting = PlanText(Example("Waiting"));
  EXPECT_NE(waiting.find("p95 CPU would reach 88 %"), std::string::npos);
  EXPECT_NE(waiting.find("Split s-4kq7 at key position 40"), std::string::npos);
  EXPECT_NE(waiting.find("starts by itself"), std::string::npos);
  EXPECT_NE(PlanText(Example("Recommended")).find("approve"), std::string::npos);
  EXPECT_NE(
      PlanText(Example("NoChange"))
          .find("a forecast peak (p75) above 80 % (spec.scaling.limitCpuPercent), or a median "
                "above 74 % (targetCpuPercent); the highest peak now is 88 %"),
      std::string::npos);
  SetView blocked = Example("Blocked");
  blocked.set.status.conditions.push_back({.type = "MetricsFresh",
                                           .status = "False",
                                           .reason = "NoPrometheus",
                                           .message = "refused",
                                           .observed_generation = 1,
                                           .last_transition_time = {}});
  EXPECT_NE(PlanText(blocked).find("NoPrometheus"), std::string::npos);
  blocked.set.status.plan.reset();
  EXPECT_NE(PlanText(blocked).find("no plan yet"), std::string::npos) << "nothing is made up";
}

TEST(PluginPlan, JsonHoldsTheSame) {
  const auto json = nlohmann::json::parse(PlanJson(Example("NoChange")));
  EXPECT_EQ(json["plan"]["decision"], "NoChange");
  EXPECT_EQ(json["plan"]["steps"][0]["at"], "40");
  EXPECT_FALSE(json["whatWouldChange"].empty());
  SetView none = Example("NoChange");
  none.set.status.plan.reset();
  EXPECT_TRUE(nlohmann::json::parse(PlanJson(none))["plan"].is_null());
}

TEST(PluginStatus, ShowsWhatIsKnownAndAQuestionMarkForTheRest) {
  const std::string text = StatusText(Example("NoChange"));
  EXPECT_NE(text.find("2 of 2 shards ready"), std::string::npos);
  EXPECT_NE(text.find("88 %"), std::string::npos);
  EXPECT_NE(text.find("?"), std::string::npos) << "no load score was published";
  const auto json = nlohmann::json::parse(StatusJson(Example("NoChange")));
  EXPECT_EQ(json["shardStatuses"][0]["forecastPeakPercent"], 88);
  EXPECT_FALSE(json["shardStatuses"][0].contains("loadScorePercent"));
}

TEST(PluginSplit, TakesTheUpperPartOfTheRangeThatHoldsTheBound) {
  const SetView view = Example("NoChange");
  const auto range = RangeAbove(view, {"s-4kq7"}, "40");
  ASSERT_TRUE(range) << range.error().message;
  EXPECT_EQ(*range, (model::KeyRange{.from = "40", .to = "80"}));
  EXPECT_FALSE(RangeAbove(view, {"s-4kq7"}, "c0")) << "another shard has it";
  EXPECT_FALSE(RangeAbove(view, {"s-4kq7"}, "nonsense"));
}

TEST(PluginWrites, OneMigrationIsCreatedOnceAndItsSwitchesAreItsOwn) {
  const SystemClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.spec.shard_set_name = "orders";
  migration.spec.source = {"s-4kq7"};
  migration.spec.range = model::KeyRange{.from = "40", .to = "80"};
  const auto name = CreateMigration(api, migration, deadline);
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(*name, "orders-split-4kq7-40");
  EXPECT_FALSE(CreateMigration(api, migration, deadline)) << "the same command again";
  ASSERT_TRUE(SetSwitch(api, {"shop", *name}, "abort", true, deadline));
  const auto object = api.Get(kube::kShardMigrations, {"shop", *name}, deadline);
  ASSERT_TRUE(object && *object);
  const auto read = op::ParseShardMigrationFrame((*object)->json);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->spec.abort);
  EXPECT_TRUE(read->spec.approved);
  EXPECT_FALSE(read->spec.rollback);
  EXPECT_FALSE(SetSwitch(api, {"shop", "none"}, "abort", true, deadline));
}

}  // namespace
}  // namespace foreshard::plugin
