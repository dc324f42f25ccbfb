#include "migration/copier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Chunk At(std::int64_t number, std::int64_t first, std::int64_t end) {
  return {0, number, first, end};
}

TEST(Copier, AnEmptyTableIsOneOpenEndedChunk) {
  EXPECT_THAT(PlanChunks(0, 0, 8, {}), ElementsAre(At(0, 0, kOpenEnd)));
}

TEST(Copier, ChunksCoverAllPagesOnceAndTheLastOneHasNoEnd) {
  EXPECT_THAT(PlanChunks(0, 20, 8, {}),
              ElementsAre(At(0, 0, 8), At(1, 8, 16), At(2, 16, kOpenEnd)));
  EXPECT_THAT(PlanChunks(0, 16, 8, {}), ElementsAre(At(0, 0, 8), At(1, 8, kOpenEnd)));
}

TEST(Copier, DoneChunksAreLeftOut) {
  EXPECT_THAT(PlanChunks(0, 20, 8, {{0, 8}, {2, kOpenEnd}}), ElementsAre(At(1, 8, 16)));
}

TEST(Copier, ATableThatGrewSinceItsLastChunkIsNotReadTwice) {
  // The open-ended chunk 1 read every page from 8 on, those of a later size too.
  EXPECT_THAT(PlanChunks(0, 100, 8, {{1, kOpenEnd}}), ElementsAre(At(0, 0, 8)));
  EXPECT_THAT(PlanChunks(0, 100, 8, {{0, 8}, {1, kOpenEnd}}), IsEmpty());
}

TEST(Copier, EveryRowBelongsToExactlyOneChunkHoweverOftenItIsResumed) {
  for (std::int64_t pages = 0; pages < 40; ++pages) {
    for (std::int64_t grown = pages; grown < 40; grown += 7) {
      const std::vector<Chunk> first = PlanChunks(0, pages, 8, {});
      for (std::size_t finished = 0; finished <= first.size(); ++finished) {
        // The last ones were finished first: workers do not end in order.
        std::vector<DoneChunk> done;
        std::vector<Chunk> all(first.end() - static_cast<std::ptrdiff_t>(finished), first.end());
        for (const Chunk& chunk : all) done.push_back({chunk.number, chunk.end_page});
        const std::vector<Chunk> rest = PlanChunks(0, grown, 8, done);
        all.insert(all.end(), rest.begin(), rest.end());
        for (std::int64_t page = 0; page < grown; ++page) {
          int covered = 0;
          for (const Chunk& chunk : all)
            covered += page >= chunk.first_page && page < chunk.end_page;
          ASSERT_EQ(covered, 1) << pages << " pages, then " << grown << ", done " << finished
                                << ", page " << page;
        }
      }
    }
  }
}

TEST(Copier, SlicesCoverTheirChunkOnceWhateverTheirSizes) {
  for (const Chunk& chunk : PlanChunks(0, 50, 16, {})) {
    for (std::int64_t grown = 50; grown < 60; grown += 3) {
      std::vector<int> covered(100, 0);
      std::int64_t page = chunk.first_page;
      for (std::int64_t pages = 1;; pages = pages % 7 + 1) {
        const Chunk slice = SliceOf(chunk, page, pages, grown);
        ASSERT_EQ(slice.first_page, page);
        for (std::int64_t at = page; at < std::min<std::int64_t>(slice.end_page, 100); ++at) {
          ++covered[static_cast<std::size_t>(at)];
        }
        if (slice.end_page == chunk.end_page) break;
        ASSERT_LT(page, slice.end_page);
        page = slice.end_page;
      }
      for (std::int64_t at = 0; at < 100; ++at) {
        const bool inside = at >= chunk.first_page && at < chunk.end_page;
        EXPECT_EQ(covered[static_cast<std::size_t>(at)], inside ? 1 : 0) << "page " << at;
      }
    }
  }
}

TEST(Copier, AChunkNamesItsColumnsItsRowsAndItsPages) {
  MigrationSpec spec;
  spec.range = {"40", "80"};
  TableInfo table{.name = "public.orders", .column = "customer_id"};
  table.columns = {{"customer_id", "bigint", false, true}, {"twice", "bigint", true, false}};
  const std::string sql = ChunkSql(spec, table, At(1, 8, 16));
  EXPECT_THAT(
      sql, HasSubstr("SELECT \"customer_id\" FROM \"public\".\"orders\" WHERE hashint8extended"));
  EXPECT_THAT(sql, HasSubstr("ctid >= '(8,0)'::tid AND ctid < '(16,0)'::tid"));
  EXPECT_THAT(sql, Not(HasSubstr("twice"))) << "generated columns cannot be copied";
  EXPECT_THAT(ChunkSql(spec, table, At(0, 0, kOpenEnd)), Not(HasSubstr("ctid")));
}

}  // namespace
}  // namespace foreshard::migration
