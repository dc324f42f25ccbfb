#include "operator/exporter.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

bool Has(Exporter& exporter, const std::string& line) {
  const std::string text = exporter.Text();
  return ("\n" + text).find("\n" + line) != std::string::npos;
}

// behaviour-24
TEST(Exporter, EveryLabelValueIsThereFromTheStart) {
  Exporter exporter;
  exporter.AddController(
      "shardset", [] { return 3U; }, [] { return 1U; });
  for (const char* result : {"success", "error", "requeue_after", "terminal_error"}) {
    EXPECT_TRUE(
        Has(exporter,
            std::string("controller_runtime_reconcile_total{controller=\"shardset\",result=\"") +
                result + "\"} 0"))
        << result;
  }
  EXPECT_TRUE(Has(exporter, "workqueue_depth{name=\"shardset\"} 3"));
  EXPECT_TRUE(Has(exporter, "controller_runtime_active_workers{controller=\"shardset\"} 1"));
  EXPECT_TRUE(Has(exporter, "leader_election_master_status{name=\"foreshard-operator\"} 0"));
  EXPECT_TRUE(Has(exporter, "foreshard_plan_total{decision=\"Executing\"} 0"));
  EXPECT_TRUE(Has(exporter, "foreshard_cutover_hold_seconds_count 0"));
  EXPECT_TRUE(Has(exporter, "foreshard_cutover_step_seconds_count{step=\"close_gate\"} 0"));
  EXPECT_TRUE(Has(exporter, "foreshard_leftover_objects 0"));
  EXPECT_TRUE(Has(exporter, "foreshard_admission_answers_total{answer=\"cut_off\"} 0"));
}

TEST(Exporter, CountsPassesByResult) {
  Exporter exporter;
  const Result<Outcome> good = Outcome::Done();
  const Result<Outcome> bad = Error::GiveUp("no");
  exporter.OnPass({.controller = "shardset", .key = {}, .result = &good});
  exporter.OnPass({.controller = "shardset", .key = {}, .result = &bad});
  EXPECT_TRUE(
      Has(exporter,
          "controller_runtime_reconcile_total{controller=\"shardset\",result=\"success\"} 1"));
  EXPECT_TRUE(Has(
      exporter,
      "controller_runtime_reconcile_total{controller=\"shardset\",result=\"terminal_error\"} 1"));
  EXPECT_TRUE(
      Has(exporter, "controller_runtime_reconcile_errors_total{controller=\"shardset\"} 1"));
}

TEST(Exporter, AShardThatIsGoneLeavesNoSeries) {
  Exporter exporter;
  const Exporter::ShardKey shard{"shop", "orders", "s-1"};
  exporter.SetDemand(shard, 12);
  exporter.SetForecast(shard, "0.95", "1", 20);
  EXPECT_NE(exporter.Text().find("s-1"), std::string::npos);
  exporter.ForgetShard(shard);
  EXPECT_EQ(exporter.Text().find("s-1"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::op
