#include <gtest/gtest.h>

#include "router/lexer.h"
#include "tests/fuzz/router/sql_generator.h"
#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

std::string Damage(Random& random, std::string text) {
  for (std::uint64_t i = 1 + random.Below(4); i > 0 && !text.empty(); --i) {
    const auto at = static_cast<std::size_t>(random.Below(text.size()));
    switch (random.Below(4)) {
      case 0:
        text[at] = static_cast<char>(1 + random.Below(255));
        break;
      case 1:
        text.erase(at, 1 + random.Below(5));
        break;
      case 2:
        text.insert(at, 1, "'\"$();/*-\\,E"[random.Below(12)]);
        break;
      default:
        text.insert(
            at, text.substr(static_cast<std::size_t>(random.Below(text.size())), random.Below(12)));
    }
  }
  return text;
}

void CheckTokens(const std::string& text) {
  std::uint32_t end = 0;
  for (const Token& token : Tokenize(text)) {
    ASSERT_GE(token.begin, end);
    ASSERT_GT(token.end, token.begin);
    ASSERT_LE(token.end, text.size());
    end = token.end;
  }
}

TEST(ClassifyFuzz, DamagedStatementsAreAnsweredNeverGuessed) {
  const World world;
  const std::string number("\0\0\0\0\0\0\0\7", 8);
  const std::vector<ParameterValue> parameters = {BinaryParameter(number), NullParameter(),
                                                  TextParameter("3")};
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    fuzz::SqlGenerator generator(random);
    const std::string text =
        random.Chance(0.8) ? Damage(random, generator.Statement()) : generator.Statement();
    CheckTokens(text);
    for (const std::string_view part : SplitStatements(text)) ASSERT_FALSE(part.empty());
    const World::Routed routed = world.Go(text, parameters);
    const RouteDecision& decision = routed.decision;
    if (decision.kind == RouteKind::kRefused) {
      ++refused;
      ASSERT_EQ(decision.refusal.sqlstate.size(), 5U) << text;
      ASSERT_FALSE(decision.refusal.message.empty()) << text;
      continue;
    }
    // A write to a sharded table without a known key never goes to one shard by chance.
    const Statement& statement = *routed.statement;
    if (statement.writes && statement.reads_sharded && decision.kind == RouteKind::kOneShard) {
      ASSERT_FALSE(decision.keys.empty()) << text;
    }
    for (const RoutePart& part : decision.parts) ASSERT_LT(part.shard, world.table->shards());
    ASSERT_EQ(decision.keys.size(), decision.owners.size());
  }
  EXPECT_GT(refused, 5'000U);
}

TEST(ClassifyFuzz, AnyBytesAreAnswered) {
  const World world;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string text;
    for (std::uint64_t i = random.Below(60); i > 0; --i)
      text += static_cast<char>(1 + random.Below(255));
    CheckTokens(text);
    ASSERT_NE(world.Go(text).decision.kind, RouteKind::kCopyIn);
  }
}

}  // namespace
}  // namespace foreshard::router
