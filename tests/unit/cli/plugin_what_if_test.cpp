#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/plugin/what_if.h"
#include "kube/kinds.h"
#include "operator/api/shard_set_json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/golden.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::plugin {
namespace {

using testing::HasSubstr;
using testing::Not;

// A Wednesday; bins of five minutes.
const WallTime kNow = *ParseRfc3339("2026-11-25T10:30:00Z");

op::KeptProblem Kept() {
  op::KeptProblem kept{.problem = planner::TwoShards(), .usual = {}, .written = kNow};
  kept.problem.bin_seconds = 300;
  kept.problem.now =
      std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count() / 300 - 1;
  kept.problem.policy.mode = model::ScalingMode::kRecommend;
  kept.problem.policy.cool_down = std::chrono::minutes(10);
  kept.usual.step_bins = 12;
  for (const char* shard : {"s-aaaa", "s-bbbb"})
    kept.usual.utilisation[{shard}] = std::vector<double>(168, 0.3);
  return kept;
}

Told Asked(const std::string& text, op::KeptProblem kept = Kept()) {
  Told told{.name_space = "shop",
            .set = "orders",
            .now = kNow + std::chrono::minutes(4),
            .question = *ParseQuestion(text, kNow, std::chrono::hours(2)),
            .kept = std::move(kept),
            .answer = {}};
  told.answer = *Answer(told.kept, told.question);
  return told;
}

TEST(PluginWhatIf, FridayIsMetBeforeItComes) {
  const Told told = Asked("traffic x3 on Friday from 09:00 to 12:00");
  const std::string text = WhatIfText(told);
  EXPECT_THAT(text, HasSubstr("What if shop/orders is asked 3 times as much, Fri 11-27 09:00 to "
                              "Fri 11-27 12:00 UTC (all shards)?"));
  EXPECT_THAT(text, HasSubstr("knew 4 min ago; beyond its forecast the load is that of a usual"));
  EXPECT_THAT(text, HasSubstr("2 -> 4 shards:"));
  EXPECT_THAT(text, HasSubstr("Fri 11-27 0")) << "hours before, not now";
  EXPECT_THAT(text, HasSubstr("Split s-aaaa at 40 to a new shard"));
  EXPECT_THAT(text, HasSubstr("waits for approval"));
  EXPECT_THAT(text, HasSubstr(", 0 as planned."));
  EXPECT_THAT(text, Not(HasSubstr("would not be enough")));
  for (const planner::WhatIfAction& action : told.answer.actions)
    EXPECT_LE(action.end * 300, std::chrono::duration_cast<std::chrono::seconds>(
                                    told.question.from.time_since_epoch())
                                    .count());
}

// What is offered is an event that the operator reads.
TEST(PluginWhatIf, TheManifestThatIsOfferedIsALoadEvent) {
  const std::string text = WhatIfText(Asked("x3 on shard s-aaaa on Friday from 09:00 to 12:00"));
  EXPECT_THAT(text, HasSubstr("kind: LoadEvent\n"));
  EXPECT_THAT(text, HasSubstr("metadata: { name: orders-2026-11-27, namespace: shop }"));
  EXPECT_THAT(text, HasSubstr("start: \"2026-11-27T09:00:00Z\"\n  duration: 3h\n"));
  EXPECT_THAT(text, HasSubstr("expectedMultiplierPercent: 300\n"));
  EXPECT_THAT(text, HasSubstr("scope: { shards: [s-aaaa] }"));
}

// Reviewed by eye: what a person reads who asks.
TEST(PluginWhatIf, IsToldInWords) {
  op::KeptProblem full = Kept();
  full.problem.policy.max_shards = 3;
  EXPECT_TRUE(support::IsGolden(
      "plugin/what_if.txt",
      WhatIfText(Asked("traffic x3 on Friday from 09:00 to 12:00")) + "\n----\n\n" +
          WhatIfText(Asked("+150% on shard s-bbbb from 11:30 to 13:00", full)) + "\n----\n\n" +
          WhatIfText(Asked("halves tomorrow"))));
}

TEST(PluginWhatIf, QuietIsQuiet) {
  const std::string text = WhatIfText(Asked("x1 now"));
  EXPECT_THAT(text, HasSubstr("Nothing would be changed."));
  EXPECT_THAT(text, HasSubstr("the forecast reaches there"));
}

TEST(PluginWhatIf, WhatIsNotEnoughIsSaid) {
  op::KeptProblem kept = Kept();
  kept.problem.policy.max_shards = 2;
  EXPECT_THAT(WhatIfText(Asked("x3 on Friday from 09:00 to 12:00", kept)),
              HasSubstr("It would not be enough: s-"));
  kept = Kept();
  kept.problem.policy.freeze_windows = {{.name = "payroll",
                                         .schedule = "0 0 * * 5",
                                         .duration = std::chrono::hours(24),
                                         .time_zone = "UTC"}};
  EXPECT_THAT(WhatIfText(Asked("x3 on Friday from 09:00 to 12:00", kept)),
              HasSubstr("freeze window payroll"))
      << "those of that day, not of today";
}

TEST(PluginWhatIf, JsonHoldsTheSame) {
  const auto json = nlohmann::json::parse(WhatIfJson(Asked("x3 on Friday from 09:00 to 12:00")));
  EXPECT_EQ(json["factor"], 3);
  EXPECT_EQ(json["from"], "2026-11-27T09:00:00Z");
  EXPECT_EQ(json["forecastReaches"], false);
  EXPECT_EQ(json["shardsAfter"], 4);
  EXPECT_EQ(json["actions"][0]["type"], "Split");
  EXPECT_GT(json["overloadMinutesIfNothingIsDone"], 300);
  EXPECT_EQ(json["shards"][0]["id"], "s-aaaa");
  EXPECT_NEAR(json["shards"][0]["nothingDonePercent"], 92, 3);
}

TEST(PluginWhatIf, AShardThatIsNotThereIsNamed) {
  const auto question = ParseQuestion("x3 shard s-zzzz", kNow, std::chrono::hours(2));
  const auto answer = Answer(Kept(), *question);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message,
            "--what-if: 's-zzzz' is no shard of the set; give s-aaaa, s-bbbb");
}

TEST(PluginWhatIf, AnEventIsAskedForByItsName) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  const auto asked = [&](const std::string& spec) {
    const kube::ObjectRef ref{"shop", "sale"};
    if (*api.Get(kube::kLoadEvents, ref, deadline)) {
      EXPECT_TRUE(api.Delete(kube::kLoadEvents, ref, {}, deadline));
    }
    EXPECT_TRUE(api.Create(kube::kLoadEvents, ref,
                           R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"LoadEvent",
                               "metadata":{"name":"sale","namespace":"shop"},"spec":{)" +
                               spec + "}}",
                           deadline));
    return QuestionOfEvent(api, {"shop", "orders"}, "sale", kNow, deadline);
  };
  const std::string when =
      R"("shardSetName":"orders","class":"Sale","duration":"3h","start":"2026-11-06T09:00:00Z",
         "recurrence":"FREQ=WEEKLY;BYDAY=FR")";
  const auto next = asked(when + R"(,"expectedMultiplierPercent":250)");
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->factor, 2.5);
  EXPECT_EQ(FormatRfc3339(next->from), "2026-11-27T09:00:00Z") << "the next Friday";
  EXPECT_EQ(FormatRfc3339(next->to), "2026-11-27T12:00:00Z");
  EXPECT_THAT(asked(when).error().message, HasSubstr("expectedMultiplierPercent is not given"));
  EXPECT_THAT(asked(R"("shardSetName":"other","class":"Sale","duration":"3h",
                       "start":"2026-11-27T09:00:00Z","expectedMultiplierPercent":250)")
                  .error()
                  .message,
              HasSubstr("spec.shardSetName is other, not orders"));
  EXPECT_THAT(asked(R"("shardSetName":"orders","class":"Sale","duration":"3h",
                       "start":"2025-11-27T09:00:00Z","expectedMultiplierPercent":250)")
                  .error()
                  .message,
              HasSubstr("does not happen within 35 days"));
  EXPECT_THAT(QuestionOfEvent(api, {"shop", "orders"}, "none", kNow, deadline).error().message,
              HasSubstr("loadevent none: there is none in namespace shop"));
}

TEST(PluginWhatIf, ReadsWhatTheOperatorKeptAndNothingElse) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi api(clock);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(5));
  const auto none = ReadKeptProblem(api, {"shop", "orders"}, deadline);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no configmap orders-problem in namespace shop"));
  const auto object =
      op::ProblemObject({.name_space = "shop", .name = "orders", .uid = ""}, Kept());
  ASSERT_TRUE(api.Create(kube::kConfigMaps, {"shop", "orders-problem"}, *object, deadline));
  const auto kept = ReadKeptProblem(api, {"shop", "orders"}, deadline);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->problem.now, Kept().problem.now);
}

}  // namespace
}  // namespace foreshard::plugin
