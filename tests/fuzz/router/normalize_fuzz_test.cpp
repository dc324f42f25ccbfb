#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "router/lexer.h"
#include "router/shape_memo.h"
#include "tests/fuzz/router/sql_generator.h"
#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

constexpr std::uint64_t kSeeds = 20'000;

// Others with each --gtest_repeat, if --gtest_shuffle is given (`make test-long`).
std::uint64_t FirstSeed() {
  return 1 + kSeeds * static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
}

// Another value of the same kind, of another length more often than not.
std::string Replacement(Random& random, LiteralKind kind) {
  const std::string digits = std::to_string(random.Below(100'000));
  switch (kind) {
    case LiteralKind::kInteger:
      return digits;
    case LiteralKind::kDecimal:
      return digits + ".25";
    case LiteralKind::kString:
      return "'" + digits + "'";
    case LiteralKind::kEscapeString:
      return "E'\\x41" + digits + "'";
    case LiteralKind::kDollarString:
      return "$r$" + digits + "$r$";
    case LiteralKind::kBitString:
      return "B'" + std::string(1 + random.Below(9), '1') + "'";
  }
  return digits;
}

// The same tokens with other literals (but those that were looked at), other white space, other
// case.
std::string Disguise(Random& random, const std::string& text, const Normalized& normalized,
                     const std::vector<std::uint32_t>& keep) {
  std::string out;
  std::uint32_t literal = 0;
  for (const Token& token : Tokenize(text)) {
    const std::string piece(TextOf(text, token));
    if (!out.empty()) out += random.Chance(0.8) ? " " : "\n/* ; */\t";
    const bool is_literal =
        literal < normalized.literals.size() && normalized.literals[literal].begin == token.begin;
    if (is_literal) {
      const bool kept = std::find(keep.begin(), keep.end(), literal) != keep.end();
      out += kept ? piece : Replacement(random, normalized.literals[literal].kind);
      ++literal;
    } else if (token.kind == TokenKind::kWord && random.Chance(0.5)) {
      for (const char c : piece) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    } else {
      out += piece;
    }
  }
  return out;
}

TEST(NormalizeFuzz, StatementsWithOneKeyHaveOneMeaning) {
  World world;
  std::set<StatementKind> kinds;
  std::size_t routed = 0;
  for (std::uint64_t seed = FirstSeed(); seed < FirstSeed() + kSeeds; ++seed) {
    Random random(seed);
    fuzz::SqlGenerator generator(random);
    const std::string text = generator.Statement();
    Normalized normalized;
    Normalize(text, normalized);
    const Statement meaning = world.Meaning(text);
    kinds.insert(meaning.kind);
    routed += meaning.kind != StatementKind::kRefused ? 1 : 0;
    const std::string disguised = Disguise(random, text, normalized, meaning.looked_at);
    Normalized other;
    Normalize(disguised, other);
    ASSERT_EQ(normalized.canonical, other.canonical) << "seed " << seed << "\n"
                                                     << text << "\n"
                                                     << disguised;
    ASSERT_EQ(normalized.key, other.key);
    const Statement again = world.Meaning(disguised);
    // Where a syntax error stands depends on the text; that it is one does not.
    if (meaning.kind == StatementKind::kRefused && meaning.refusal.sqlstate == "42601") {
      ASSERT_EQ(again.refusal.sqlstate, "42601") << "seed " << seed << "\n"
                                                 << text << "\n"
                                                 << disguised;
      continue;
    }
    ASSERT_TRUE(meaning == again) << "seed " << seed << "\n" << text << "\n" << disguised;
  }
  EXPECT_GT(kinds.size(), 12U);  // the generator goes everywhere
  EXPECT_GT(routed, 6'000U);
}

// One byte more, less or another, mostly where it could change how the rest is read.
std::string Mutated(Random& random, std::string text) {
  constexpr std::string_view kBytes = "'0123456789.eE$;-/* \n\"aX_\\(),=";
  const std::size_t changes = 1 + random.Below(3);
  for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = random.Below(text.size());
    const char byte = kBytes[random.Below(kBytes.size())];
    switch (random.Below(3)) {
      case 0:
        text.insert(at, 1, byte);
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        text[at] = byte;
    }
  }
  return text;
}

// The same bytes with other values of the literals.
std::string Revalued(Random& random, const std::string& text, const Normalized& normalized) {
  std::string out;
  std::size_t from = 0;
  for (const Literal& literal : normalized.literals) {
    out += text.substr(from, literal.begin - from) + Replacement(random, literal.kind);
    from = literal.end;
  }
  return out + text.substr(from);
}

void ExpectTheSame(const Normalized& seen, const Normalized& expected, const std::string& where) {
  ASSERT_EQ(seen.tokens, expected.tokens) << where;
  ASSERT_EQ(seen.parameters_max, expected.parameters_max) << where;
  ASSERT_EQ(seen.statements, expected.statements) << where;
  ASSERT_EQ(seen.complete, expected.complete) << where;
  ASSERT_EQ(seen.shard_key_hint, expected.shard_key_hint) << where;
  ASSERT_EQ(seen.literals.size(), expected.literals.size()) << where;
  for (std::size_t i = 0; i < seen.literals.size(); ++i) {
    ASSERT_EQ(seen.literals[i].kind, expected.literals[i].kind) << where;
    ASSERT_EQ(seen.literals[i].begin, expected.literals[i].begin) << where;
    ASSERT_EQ(seen.literals[i].end, expected.literals[i].end) << where;
    ASSERT_EQ(seen.literals[i].token, expected.literals[i].token) << where;
  }
}

TEST(NormalizeFuzz, WhatTheMemoRecallsIsWhatTheLexerReads) {
  const auto meaning = std::make_shared<const Statement>();
  std::size_t recalled = 0;
  std::size_t mutants_recalled = 0;
  for (std::uint64_t seed = FirstSeed(); seed < FirstSeed() + kSeeds; ++seed) {
    Random random(seed);
    fuzz::SqlGenerator generator(random);
    const std::string text = generator.Statement();
    Normalized kept;
    Normalize(text, kept);
    ShapeMemo memo;
    memo.Keep(text, kept, 1, meaning);
    for (int variant = 0; variant < 10; ++variant) {
      const bool mutant = variant >= 2;
      std::string other = Revalued(random, text, kept);
      if (mutant) other = Mutated(random, std::move(other));
      Normalized seen;
      if (memo.Find(other, 1, seen) == nullptr) continue;
      ++(mutant ? mutants_recalled : recalled);
      Normalized expected;
      Normalize(other, expected);
      const std::string where = "seed " + std::to_string(seed) + "\n" + text + "\n" + other;
      ASSERT_EQ(kept.canonical, expected.canonical) << where;
      ASSERT_NO_FATAL_FAILURE(ExpectTheSame(seen, expected, where));
    }
  }
  EXPECT_GT(recalled, 10'000U);
  EXPECT_GT(mutants_recalled, 1'000U);
}

}  // namespace
}  // namespace foreshard::router
