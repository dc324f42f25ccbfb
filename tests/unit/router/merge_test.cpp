#include "router/merge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "tests/unit/router/merge_world.h"

namespace foreshard::router {
namespace {

std::vector<std::string> MergeAll(const MergeRecipe* recipe, MergeOptions options,
                                  const std::string& description,
                                  const std::vector<std::vector<TestRow>>& shards,
                                  std::string* error = nullptr) {
  options.shards = shards.size();
  Merger merger(recipe, options);
  std::string out;
  const auto check = [&](const Status& status) {
    if (!status && error != nullptr && error->empty())
      *error = status.error().code + " " + status.error().message;
    return status.ok();
  };
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (!check(merger.RowDescription(i, description))) return {};
    for (const TestRow& row : shards[i]) {
      if (!check(merger.DataRow(i, RowBody(row)))) return {};
      if (!check(merger.Take(out))) return {};
    }
    if (!check(merger.Done(i, "SELECT " + std::to_string(shards[i].size())))) return {};
  }
  if (!check(merger.Take(out))) return {};
  EXPECT_TRUE(merger.finished());
  std::vector<std::string> lines = ReadMessages(out);
  if (recipe != nullptr) lines.push_back(merger.CommandTag());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(Merger, RowsWithoutOrderPassAsTheyCome) {
  const MergeRecipe recipe;
  EXPECT_EQ(
      MergeAll(&recipe, {}, Description({{"a", kOidInt8}}), {{{"1"}}, {}, {{"3"}, {std::nullopt}}}),
      (Lines{"T:a", "1", "3", "∅", "SELECT 3"}));
  EXPECT_EQ(MergeAll(&recipe, {}, Description({{"a", kOidInt8}}), {{}, {}}),
            (Lines{"T:a", "SELECT 0"}));
}

TEST(Merger, HiddenColumnsNeverReachTheClient) {
  MergeRecipe recipe;
  recipe.sort = {{.column = 1, .descending = true, .nulls_first = true, .collate_c = false}};
  recipe.hidden = 1;
  EXPECT_EQ(MergeAll(&recipe, {}, Description({{"a", kOidText}, {"k", kOidInt8}}),
                     {{{"x", std::nullopt}, {"y", "5"}}, {{"z", "9"}, {std::nullopt, "-1"}}}),
            (Lines{"T:a", "x", "z", "y", "∅", "SELECT 4"}));
}

// An enum of one name has another number on each shard.
TEST(Merger, TypesOfUsersMayHaveAnotherNumberOnEachShard) {
  const MergeRecipe recipe;
  const auto alike = [&](std::uint32_t first_oid, std::uint32_t second_oid) {
    MergeOptions options;
    options.shards = 2;
    Merger merger(&recipe, options);
    EXPECT_TRUE(merger.RowDescription(0, Description({{"a", first_oid}})));
    return merger.RowDescription(1, Description({{"a", second_oid}})).ok();
  };
  EXPECT_TRUE(alike(16'390, 17'000));
  EXPECT_FALSE(alike(kOidInt8, kOidText));
  EXPECT_FALSE(alike(kOidInt8, 16'390));
  EXPECT_FALSE(alike(16'390, kOidInt8));
}

TEST(Merger, LimitAndOffsetCountOverAllShards) {
  MergeRecipe recipe;
  recipe.sort = {{.column = 0, .descending = false, .nulls_first = false, .collate_c = false}};
  MergeOptions options;
  options.limit = 2;
  options.offset = 1;
  EXPECT_EQ(
      MergeAll(&recipe, options, Description({{"a", kOidInt8}}), {{{"1"}, {"4"}}, {{"2"}, {"3"}}}),
      (Lines{"T:a", "2", "3", "SELECT 2"}));
  options.limit = 0;
  EXPECT_EQ(MergeAll(&recipe, options, Description({{"a", kOidInt8}}), {{{"1"}}, {}}),
            (Lines{"T:a", "SELECT 0"}));
}

TEST(Merger, GivesASortedRowOnlyWhenNoShardCanStillBeBefore) {
  MergeRecipe recipe;
  recipe.sort = {{.column = 0, .descending = false, .nulls_first = false, .collate_c = false}};
  Merger merger(&recipe, {.shards = 2, .limit = std::nullopt});
  const std::string description = Description({{"a", kOidInt8}});
  std::string out;
  ASSERT_TRUE(merger.RowDescription(0, description).ok());
  ASSERT_TRUE(merger.DataRow(0, RowBody({"5"})).ok());
  ASSERT_TRUE(merger.Take(out).ok());
  EXPECT_EQ(ReadMessages(out), (Lines{"T:a"}));
  ASSERT_TRUE(merger.RowDescription(1, description).ok());
  ASSERT_TRUE(merger.DataRow(1, RowBody({"7"})).ok());
  out.clear();
  ASSERT_TRUE(merger.Take(out).ok());
  EXPECT_EQ(ReadMessages(out), (Lines{"5"}));
  EXPECT_FALSE(merger.finished());
  ASSERT_TRUE(merger.Done(0, "SELECT 1").ok());
  ASSERT_TRUE(merger.Done(1, "SELECT 1").ok());
  out.clear();
  ASSERT_TRUE(merger.Take(out).ok());
  EXPECT_EQ(ReadMessages(out), (Lines{"7"}));
  EXPECT_TRUE(merger.finished());
}

// Any split of any rows over shards, sorted there, comes out as one sort of all.
TEST(Merger, EqualsAReferenceSort) {
  Random random(21);
  for (int round = 0; round < 300; ++round) {
    MergeRecipe recipe;
    const std::size_t keys = 1 + random.Below(3);
    for (std::uint32_t i = 0; i < keys; ++i) {
      recipe.sort.push_back({.column = i,
                             .descending = random.Chance(0.5),
                             .nulls_first = random.Chance(0.5),
                             .collate_c = true});
    }
    const bool text = random.Chance(0.5);
    const auto draw = [&]() -> std::optional<std::string> {
      if (random.Chance(0.2)) return std::nullopt;
      return text ? std::string(1, static_cast<char>("aBz~"[random.Below(4)]))
                  : std::to_string(random.Between(-12, 12));
    };
    const auto before = [&](const TestRow& a, const TestRow& b) {
      for (const SortKey& key : recipe.sort) {
        const auto& x = a[key.column];
        const auto& y = b[key.column];
        if (!x && !y) continue;
        if (!x || !y) return !x == key.nulls_first;
        const long long order = text ? x->compare(*y) : std::stoll(*x) - std::stoll(*y);
        if (order != 0) return key.descending ? order > 0 : order < 0;
      }
      return false;
    };
    std::vector<std::vector<TestRow>> shards(1 + random.Below(5));
    std::vector<TestRow> all;
    for (std::size_t i = random.Below(40); i > 0; --i) {
      TestRow row;
      for (std::size_t k = 0; k < keys; ++k) row.push_back(draw());
      all.push_back(row);
      shards[random.Below(shards.size())].push_back(row);
    }
    for (auto& shard : shards) std::stable_sort(shard.begin(), shard.end(), before);
    std::stable_sort(all.begin(), all.end(), before);
    std::vector<TestColumn> columns;
    for (std::size_t k = 0; k < keys; ++k)
      columns.push_back({"k" + std::to_string(k), text ? kOidText : kOidInt8});
    Lines expected;
    for (const TestRow& row : all)
      expected.push_back(ReadMessages([&] {
        std::string out;
        AppendMessage('D', RowBody(row), out);
        return out;
      }())[0]);
    Lines got = MergeAll(&recipe, {}, Description(columns), shards);
    ASSERT_EQ(got.size(), expected.size() + 2);
    ASSERT_EQ(Lines(got.begin() + 1, got.end() - 1), expected) << round;
  }
}

TEST(Merger, DistinctRowsOfSeveralShardsComeOnce) {
  MergeRecipe recipe;
  recipe.distinct = true;
  EXPECT_EQ(MergeAll(&recipe, {}, Description({{"a", kOidNumeric}, {"b", kOidText}}),
                     {{{"1.0", "x"}, {std::nullopt, "x"}},
                      {{"1.00", "x"}, {std::nullopt, "x"}, {"1", "y"}}}),
            (Lines{"T:a,b", "1.0|x", "∅|x", "1|y", "SELECT 3"}));
}

MergeRecipe Grouped(std::vector<Combine> combines, std::uint32_t hidden = 0) {
  MergeRecipe recipe;
  recipe.grouped = true;
  recipe.hidden = hidden;
  for (const Combine combine : combines) {
    OutputColumn column;
    column.combine = combine;
    recipe.columns.push_back(column);
  }
  return recipe;
}

TEST(Merger, AggregatesOfShardsBecomeOne) {
  const MergeRecipe recipe = Grouped(
      {Combine::kCount, Combine::kSum, Combine::kMin, Combine::kMax, Combine::kAnd, Combine::kOr});
  const std::string description = Description({{"count", kOidInt8},
                                               {"sum", kOidNumeric},
                                               {"min", kOidInt4},
                                               {"max", kOidDate},
                                               {"bool_and", kOidBool},
                                               {"bool_or", kOidBool}});
  EXPECT_EQ(
      MergeAll(&recipe, {}, description,
               {{{"3", "1.5", "-7", "2024-05-01", "t", "f"}},
                {{"0", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt}},
                {{"4", "2.25", "9", "2024-12-31", "f", "f"}}}),
      (Lines{"T:count,sum,min,max,bool_and,bool_or", "7|3.75|-7|2024-12-31|f|f", "SELECT 1"}));
  EXPECT_EQ(
      MergeAll(&recipe, {}, description,
               {{{"0", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt}}})[1],
      "0|∅|∅|∅|∅|∅");
}

// SELECT * , id ... ORDER BY id: how many columns the star has shows only in the answer.
TEST(Merger, SortsByAHiddenColumnBehindAStar) {
  MergeRecipe recipe;
  recipe.hidden = 1;
  recipe.sort = {{.column = 0, .hidden = true}};
  EXPECT_EQ(
      MergeAll(&recipe, {}, Description({{"id", kOidInt8}, {"name", kOidText}, {"id", kOidInt8}}),
               {{{"1", "z", "1"}, {"4", "a", "4"}}, {{"2", "y", "2"}, {"3", "b", "3"}}}),
      (Lines{"T:id,name", "1|z", "2|y", "3|b", "4|a", "SELECT 4"}));
}

TEST(Merger, AnAverageIsTheSumOverTheCount) {
  MergeRecipe recipe = Grouped({Combine::kKeep, Combine::kAverage, Combine::kCount}, 1);
  recipe.columns[1].partner = 2;
  recipe.sort = {{.column = 1, .descending = true, .nulls_first = true, .collate_c = false}};
  const Lines lines =
      MergeAll(&recipe, {}, Description({{"k", kOidText}, {"avg", kOidInt8}, {"count", kOidInt8}}),
               {{{"a", "10", "2"}, {"b", "1", "1"}}, {{"a", "0", "1"}, {"c", std::nullopt, "0"}}});
  EXPECT_EQ(lines, (Lines{"T:k,avg", "c|∅", "a|3.3333333333333333", "b|1.00000000000000000000",
                          "SELECT 3"}));
}

TEST(Merger, GroupsMeetByTheirValueAndSortTogether) {
  MergeRecipe recipe = Grouped({Combine::kKeep, Combine::kCount});
  recipe.sort = {{.column = 1, .descending = true, .nulls_first = true, .collate_c = false},
                 {.column = 0, .descending = false, .nulls_first = false, .collate_c = true}};
  MergeOptions options;
  options.limit = 2;
  EXPECT_EQ(MergeAll(&recipe, options, Description({{"k", kOidText}, {"count", kOidInt8}}),
                     {{{"b", "1"}, {"a", "2"}},
                      {{"b", "1"}, {std::nullopt, "5"}},
                      {{std::nullopt, "1"}, {"c", "1"}}}),
            (Lines{"T:k,count", "∅|6", "a|2", "SELECT 2"}));
}

TEST(Merger, WhatIsNotExactIsRefused) {
  const auto refused = [](const MergeRecipe& recipe, std::uint32_t oid) {
    std::string error;
    MergeAll(&recipe, {}, Description({{"col", oid}}), {{{"1"}}, {{"2"}}}, &error);
    return error;
  };
  MergeRecipe sorted;
  sorted.sort = {{.column = 0, .descending = false, .nulls_first = false, .collate_c = false}};
  EXPECT_NE(refused(sorted, kOidText).find("0A000 ORDER BY col"), std::string::npos);
  EXPECT_NE(refused(sorted, 16'999).find("0A000 ORDER BY col"), std::string::npos);
  sorted.sort[0].collate_c = true;
  EXPECT_EQ(refused(sorted, kOidText), "");
  EXPECT_NE(refused(Grouped({Combine::kSum}), kOidFloat8).find("0A000 sum()"), std::string::npos);
  EXPECT_NE(refused(Grouped({Combine::kAverage}), kOidFloat4).find("0A000 avg()"),
            std::string::npos);
  EXPECT_NE(refused(Grouped({Combine::kMin}), kOidText).find("0A000 min()"), std::string::npos);
  EXPECT_NE(refused(Grouped({Combine::kKeep}), 3802).find("0A000 GROUP BY col"), std::string::npos);
  MergeRecipe distinct;
  distinct.distinct = true;
  EXPECT_NE(refused(distinct, 114).find("0A000 DISTINCT"), std::string::npos);
}

TEST(Merger, TheDatabasesOwnByteOrderIsEnough) {
  MergeRecipe recipe;
  recipe.sort = {{.column = 0, .descending = false, .nulls_first = false, .collate_c = false}};
  MergeOptions options;
  options.text_orders_as_bytes = true;
  EXPECT_EQ(MergeAll(&recipe, options, Description({{"a", kOidText}}), {{{"a"}}, {{"B"}}}),
            (Lines{"T:a", "B", "a", "SELECT 2"}));
}

TEST(Merger, OverflowMemoryAndBrokenMessagesAreErrors) {
  std::string error;
  const MergeRecipe sum = Grouped({Combine::kSum});
  MergeAll(&sum, {}, Description({{"a", kOidInt8}}), {{{"9223372036854775807"}}, {{"1"}}}, &error);
  EXPECT_EQ(error, "22003 bigint out of range");
  error.clear();
  MergeRecipe sorted;
  sorted.sort = {{.column = 0, .descending = false, .nulls_first = false, .collate_c = true}};
  MergeOptions options;
  options.bytes_max = 100;
  std::vector<TestRow> many(50, TestRow{"abcdefgh"});
  MergeAll(&sorted, options, Description({{"a", kOidText}}), {many, {}}, &error);
  EXPECT_EQ(error.substr(0, 5), "54000");
  Merger merger(&sorted, {.shards = 1, .limit = std::nullopt});
  EXPECT_FALSE(merger.DataRow(0, RowBody({"1"})).ok());
  EXPECT_FALSE(merger.RowDescription(0, "abc").ok());
}

TEST(Merger, WritesAddUpTheirTags) {
  Merger merger(nullptr, {.shards = 2, .limit = std::nullopt});
  std::string out;
  ASSERT_TRUE(merger.Done(0, "UPDATE 2").ok());
  ASSERT_TRUE(merger.Done(1, "UPDATE 3").ok());
  ASSERT_TRUE(merger.Take(out).ok());
  EXPECT_TRUE(merger.finished());
  EXPECT_EQ(merger.CommandTag(), "UPDATE 5");
  EXPECT_EQ(out, "");
}

TEST(Merger, ReadsAndWritesBinary) {
  MergeRecipe recipe = Grouped({Combine::kCount, Combine::kMax});
  MergeOptions options;
  options.formats = {1};
  const std::string one("\0\0\0\0\0\0\0\1", 8);
  const std::string two("\0\0\0\0\0\0\0\2", 8);
  EXPECT_EQ(MergeAll(&recipe, options, Description({{"count", kOidInt8}, {"max", kOidInt8}}),
                     {{{one, one}}, {{one, two}}})[1],
            two + "|" + two);
}

}  // namespace
}  // namespace foreshard::router
