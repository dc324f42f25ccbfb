#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "operator/api/value.h"
#include "operator/plans/problem_json.h"
#include "planner/planner.h"
#include "tests/unit/operator/plans/filled_problem.h"

// Problems of the planner as text: cut, edited by hand, from another version. They are refused with
// the field, or they are questions that the planner answers with numbers.

namespace foreshard::op {
namespace {

constexpr int kRounds = 1'500;

// A problem that is small enough to be damaged in interesting places.
planner::Problem Small() {
  planner::Problem problem = FilledProblem();
  for (planner::Shard& shard : problem.shards) {
    shard.scenarios.drawn_from.resize(4);
    shard.scenarios.paths.resize(4);
    for (std::vector<double>& path : shard.scenarios.paths) path.resize(6);
    shard.fan.steps.resize(6);
    shard.fan.scale.resize(std::min<std::size_t>(6, shard.fan.scale.size()));
    shard.units[0].paths.clear();
  }
  problem.shards[0].units[0].reservoir.resize(110);
  problem.shards[1].units[0].reservoir.clear();
  return problem;
}

Value Strange(Random& random) {
  switch (random.Below(10)) {
    case 0:
      return {};
    case 1:
      return Value(random.Chance(0.5));
    case 2:
      return Value(static_cast<std::int64_t>(random.Next()));
    case 3:
      return Value(-1);
    case 4:
      return Value(1e300);
    case 5:
      return Value("80");
    case 6:
      return Value(std::string(static_cast<std::size_t>(random.Below(9)), '\xff'));
    case 7:
      return Value::Array({0.1, 0.2});
    case 8:
      return Value::Object({{"from", ""}, {"to", "40"}});
    default:
      return Value(2 * random.Unit());
  }
}

// The same document with one member or item somewhere replaced, removed or repeated.
Value Damaged(const Value& at, Random& random) {
  if ((!at.is_list() && !at.is_object()) || random.Chance(0.05)) return Strange(random);
  if (at.is_list()) {
    Value::List items = at.Items();
    if (items.empty()) return Value(Value::List{Strange(random)});
    const auto i = static_cast<std::size_t>(random.Below(items.size()));
    const std::uint64_t kind = random.Below(6);
    if (kind == 0) {
      items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (kind == 1) {
      items.push_back(items[i]);
    } else {
      items[i] = Damaged(items[i], random);
    }
    return Value(std::move(items));
  }
  Value::Members members = at.Fields();
  if (members.empty()) return Strange(random);
  auto member = members.begin();
  std::advance(member, static_cast<std::ptrdiff_t>(random.Below(members.size())));
  if (random.Chance(0.05)) {
    members.erase(member);
  } else {
    member->second = Damaged(member->second, random);
  }
  return Value(std::move(members));
}

// Whatever was accepted has a plan of numbers, and reads back as itself.
void ExpectUsable(const planner::Problem& problem, std::uint64_t seed) {
  Random random(seed);
  const model::Plan plan = planner::MakePlan(problem, planner::Options{}, random);
  EXPECT_FALSE(plan.summary.empty()) << "seed " << seed;
  for (const double number : {plan.breach_probability, plan.overload_minutes_avoided,
                              plan.cost_member_hours, plan.benefit_member_hours})
    ASSERT_TRUE(std::isfinite(number)) << "seed " << seed << ": " << plan.summary;
  const std::string json = ProblemToJson(problem);
  const auto again = ParseProblem(json);
  ASSERT_TRUE(again) << "seed " << seed << ": " << again.error().message;
  ASSERT_EQ(ProblemToJson(*again), json) << "seed " << seed;
}

void ExpectRefusedByField(const Error& error, std::uint64_t seed) {
  EXPECT_EQ(error.reason, "InvalidProblem") << "seed " << seed;
  const bool named = error.message.starts_with("problem") || error.message.starts_with("version");
  EXPECT_TRUE(named) << "seed " << seed << ": " << error.message;
}

TEST(ProblemFuzz, ADamagedProblemIsRefusedByFieldOrPlanned) {
  const Value root = *ParseJson(ProblemToJson(Small()));
  int good = 0;
  for (std::uint64_t seed = 1; seed <= kRounds; ++seed) {
    Random random(seed);
    Value damaged = root;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) damaged = Damaged(damaged, random);
    const auto read = ParseProblem(ToJson(damaged));
    if (!read) {
      ExpectRefusedByField(read.error(), seed);
      continue;
    }
    ++good;
    ExpectUsable(*read, seed);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(good, kRounds / 50) << "the damage never got past the reader";
  EXPECT_LT(good, kRounds) << "nothing was ever refused";
}

TEST(ProblemFuzz, DamagedTextIsRefusedByFieldOrPlanned) {
  const std::string text = ProblemToJson(Small());
  for (std::uint64_t seed = 1; seed <= kRounds; ++seed) {
    Random random(seed);
    std::string damaged = text;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      const auto at = static_cast<std::size_t>(random.Below(damaged.size()));
      const auto length = static_cast<std::size_t>(random.Below(20));
      switch (random.Below(4)) {
        case 0:
          damaged.erase(at, length);
          break;
        case 1:
          damaged.insert(at, damaged.substr(at / 2, length));
          break;
        case 2:
          damaged[at] = static_cast<char>(random.Below(256));
          break;
        default:
          damaged[at] = "0123456789{}[],:\"-e."[random.Below(20)];
      }
    }
    const auto read = ParseProblem(damaged);
    if (!read) {
      ExpectRefusedByField(read.error(), seed);
    } else {
      ExpectUsable(*read, seed);
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

// Files that once were found by hand or by the targets above; a name that begins with "good" says
// that the problem is one.
TEST(ProblemFuzz, TheCorpus) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/planner/corpus")) {
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    SCOPED_TRACE(entry.path().string());
    const auto read = ParseProblem(text.str());
    EXPECT_EQ(read.ok(), entry.path().filename().string().starts_with("good"))
        << (read ? "accepted" : read.error().message);
    if (read) ExpectUsable(*read, 1);
    if (!read) ExpectRefusedByField(read.error(), 1);
    ++files;
  }
  EXPECT_GE(files, 8u);
}

}  // namespace
}  // namespace foreshard::op
