#include "operator/plans/problem_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/api/value.h"
#include "planner/planner.h"
#include "tests/unit/operator/plans/filled_problem.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;

model::Plan PlanOf(const planner::Problem& problem) {
  Random random(7);
  return planner::MakePlan(problem, planner::Options{}, random);
}

// The member at that path ("shards[0].units[0].range.from") of the filled problem is another value.
std::string With(const std::string& path, const Value& value) {
  Value root = *ParseJson(ProblemToJson(FilledProblem()));
  const auto change = [&](const auto& self, const Value& at, std::string_view rest) -> Value {
    if (rest.empty()) return value;
    if (rest.front() == '.') rest.remove_prefix(1);
    if (rest.front() == '[') {
      const auto end = rest.find(']');
      const auto index = static_cast<std::size_t>(std::stoi(std::string(rest.substr(1, end - 1))));
      Value::List items = at.Items();
      items.at(index) = self(self, items.at(index), rest.substr(end + 1));
      return Value(std::move(items));
    }
    const auto end = rest.find_first_of(".[");
    const std::string name(rest.substr(0, end));
    Value::Members members = at.Fields();
    members[name] = self(self, members[name],
                         end == std::string_view::npos ? std::string_view() : rest.substr(end));
    return Value(std::move(members));
  };
  return ToJson(change(change, root, path));
}

std::string ErrorOf(const std::string& json) {
  const auto read = ParseProblem(json);
  if (read) return "accepted";
  EXPECT_EQ(read.error().reason, "InvalidProblem");
  return read.error().message;
}

TEST(ProblemJson, WhatIsWrittenIsReadBackWhole) {
  const planner::Problem problem = FilledProblem();
  const std::string json = ProblemToJson(problem);
  const auto read = ParseProblem(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(ProblemToJson(*read), json);
  // Not only the same text: the same values.
  EXPECT_EQ(read->now, 1'000);
  EXPECT_EQ(read->memory, problem.memory);
  EXPECT_EQ(read->policy.seasons, problem.policy.seasons);
  EXPECT_EQ(read->policy.freeze_windows.at(0).time_zone, "Europe/Berlin");
  EXPECT_EQ(read->policy.cool_down, std::chrono::minutes(1));
  ASSERT_EQ(read->shards.size(), 2u);
  const planner::Shard& shard = read->shards[0];
  EXPECT_EQ(shard.fan, problem.shards[0].fan);
  EXPECT_EQ(shard.scenarios, problem.shards[0].scenarios);
  EXPECT_EQ(shard.trust, problem.shards[0].trust);
  EXPECT_EQ(shard.last_action, 12);
  EXPECT_EQ(shard.units.at(0).hot_keys.at(0).key, "caf\xC3\xA9 \"7\"");
  EXPECT_EQ(shard.units[0].paths, problem.shards[0].units[0].paths);
  EXPECT_EQ(shard.units[0].reservoir.size(), 128u);
  EXPECT_FALSE(read->shards[1].last_action.has_value());
  EXPECT_FALSE(read->shards[1].estimator_usable);
}

TEST(ProblemJson, WhatWasReadHasTheSamePlan) {
  planner::Problem problem = planner::TwoShards();
  planner::SetLoad(problem.shards[0], {.from = 0.5, .to = 1.1, .spread = 0.1});
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.decision, model::PlanDecision::kExecuting) << plan.summary;
  EXPECT_EQ(PlanOf(*ParseProblem(ProblemToJson(problem))), plan);
}

TEST(ProblemJson, EveryFieldIsWanted) {
  const Value root = *ParseJson(ProblemToJson(FilledProblem()));
  for (const auto& [name, item] : root.Fields()) {
    Value without = root;
    without.Remove(name);
    EXPECT_THAT(ErrorOf(ToJson(without)),
                HasSubstr(name == "version" ? name : "problem." + name + ": 'null'"));
  }
}

TEST(ProblemJson, WhatIsWrongIsNamedWithItsValueAndWhatWouldDo) {
  EXPECT_THAT(ErrorOf(With("version", "foreshard.dev/problem/v9")),
              HasSubstr("version: 'foreshard.dev/problem/v9' is not accepted; give "
                        "foreshard.dev/problem/v1"));
  EXPECT_THAT(ErrorOf(With("policy.targetCpuPercent", 85)),
              HasSubstr("problem.policy.limitCpuPercent: '80' is not accepted; give more than"));
  EXPECT_THAT(ErrorOf(With("policy.mode", "Manual")),
              HasSubstr("problem.policy.mode: 'Manual' is not accepted; give one of Off"));
  EXPECT_THAT(ErrorOf(With("policy.coolDown", "soon")),
              HasSubstr("problem.policy.coolDown: 'soon'"));
  EXPECT_THAT(ErrorOf(With("shards[1].id", "s-aaaa")),
              HasSubstr("problem.shards[1].id: 's-aaaa' is not accepted; give shards by id"));
  EXPECT_THAT(ErrorOf(With("shards[0].fan.steps[3][4]", 9)),
              HasSubstr("problem.shards[0].fan.steps[3]: 'quantiles that fall'"));
  EXPECT_THAT(ErrorOf(With("shards[0].fan.steps[3]", Value::Array({1, 2}))),
              HasSubstr("problem.shards[0].fan.steps[3]: 'a list of 2' is not accepted; give a "
                        "list of 11"));
  EXPECT_THAT(ErrorOf(With("shards[0].units[0].range.to", "0x80")),
              HasSubstr("problem.shards[0].units[0].range.to: '0x80'"));
  EXPECT_THAT(ErrorOf(With("shards[0].units[0].reservoir[5].bound", "zz")),
              HasSubstr("problem.shards[0].units[0].reservoir[5].bound: 'zz'"));
  EXPECT_THAT(ErrorOf(With("shards[0].scenarios.paths[2]", Value::Array({0.5}))),
              HasSubstr("problem.shards[0].scenarios.paths[2]: '1 steps'"));
  EXPECT_THAT(ErrorOf(With("shards[0].trust.cap", 1.5)),
              HasSubstr("problem.shards[0].trust.cap: '1.5' is not accepted; give a number from 0 "
                        "to 1"));
  EXPECT_THAT(ErrorOf(With("shards[0].colour", "red")),
              HasSubstr("problem.shards[0].colour: 'red' is not accepted; give only fields of"));
  EXPECT_THAT(ErrorOf(With("now", -4)), HasSubstr("problem.now: '-4'"));
  EXPECT_THAT(ErrorOf(With("now", 4.5)), HasSubstr("problem.now: '4.5'"));
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("problem: 'a list of 1' is not accepted; give an object"));
  EXPECT_THAT(ErrorOf("{"), HasSubstr("problem: not JSON"));
}

TEST(ProblemJson, ManyMistakesMakeAMessageThatCanBeRead) {
  Value steps;
  for (int i = 0; i < 2'000; ++i) steps.Add("x");
  EXPECT_LE(ErrorOf(With("shards[0].fan.steps", steps)).size(), 4'000u);
}

}  // namespace
}  // namespace foreshard::op
