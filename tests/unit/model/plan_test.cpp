#include "model/plan.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>

namespace foreshard::model {
namespace {

std::string Schema() {
  std::ifstream file("crds/shardsets.yaml");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "enum: [A, B]" of the schema for the values 0..last.
template <typename Enum>
std::string EnumLine(Enum last) {
  std::string line = "enum: [";
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    line += (value > 0 ? ", " : "") + std::string(ToString(static_cast<Enum>(value)));
  }
  return line + "]";
}

// The status would be refused by the API server if a word were another one there.
TEST(Plan, DecisionsAreTheWordsOfTheSchema) {
  EXPECT_NE(Schema().find(EnumLine(PlanDecision::kBlocked)), std::string::npos)
      << EnumLine(PlanDecision::kBlocked);
}

TEST(Plan, StepsAreTheWordsOfTheSchema) {
  EXPECT_NE(Schema().find(EnumLine(ActionType::kRemoveMember)), std::string::npos)
      << EnumLine(ActionType::kRemoveMember);
}

// Reasons of conditions: one word for one situation, in CamelCase; only "no reason" is empty.
TEST(Plan, EachReasonHasAWordOfItsOwn) {
  std::set<std::string> words;
  for (int value = 0; value <= static_cast<int>(PlanReason::kMode); ++value) {
    const std::string word = ToString(static_cast<PlanReason>(value));
    EXPECT_TRUE(words.insert(word).second) << word << " stands for two reasons";
    if (value == 0) {
      EXPECT_EQ(word, "");
      continue;
    }
    ASSERT_FALSE(word.empty()) << value;
    EXPECT_TRUE(std::isupper(static_cast<unsigned char>(word[0]))) << word;
    for (const char c : word) EXPECT_TRUE(std::isalpha(static_cast<unsigned char>(c))) << word;
  }
  EXPECT_STREQ(ToString(PlanReason::kPredictedBreach), "PredictedBreach");
  EXPECT_STREQ(ToString(PlanReason::kStaleMetrics), "StaleMetrics");
}

TEST(Plan, TwoPlansAreTheSameOnlyIfEverythingIs) {
  Plan plan;
  plan.made_at = 7;
  plan.decision = PlanDecision::kWaiting;
  plan.reason = PlanReason::kPredictedBreach;
  plan.steps.emplace_back().at = "40";
  plan.summary = "because";
  Plan other = plan;
  EXPECT_EQ(plan, other);
  other.steps[0].at = "41";
  EXPECT_NE(plan, other);
  other = plan;
  other.guard = true;
  EXPECT_NE(plan, other);
}

}  // namespace
}  // namespace foreshard::model
