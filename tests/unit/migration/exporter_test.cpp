#include "migration/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using testing::HasSubstr;

TEST(MoverExporter, ShowsWhatTheBoardKnows) {
  Board board;
  board.Count([](MoverCounters& counters) {
    counters.copied_rows = 41;
    counters.buckets_unequal = 3;
  });
  board.Change([](Progress& progress) {
    progress.copy_rows_per_second = 70;
    progress.copy_seconds_left = 90;
  });
  const std::string text = MetricsText(board);
  EXPECT_THAT(text, HasSubstr("foreshard_copy_rows_per_second 70"));
  EXPECT_THAT(text, HasSubstr("foreshard_copy_seconds_left 90"));
  EXPECT_THAT(text, HasSubstr("foreshard_copy_rows_total 41"));
  EXPECT_THAT(text, HasSubstr("foreshard_verify_buckets{result=\"unequal\"} 3"));
  EXPECT_THAT(text, HasSubstr("foreshard_cleanup_rows_total 0")) << "there from the start, at zero";
}

TEST(MoverExporter, AnAddressThatCannotBeReadIsNamed) {
  const Board board;
  for (const char* address : {"nonsense", "127.0.0.1", "localhost:1x", ":1"}) {
    const auto server = MetricsServer::Start(address, board);
    ASSERT_FALSE(server) << address;
    EXPECT_NE(server.error().message.find(address), std::string::npos);
  }
  EXPECT_GT((*MetricsServer::Start("127.0.0.1:0", board))->port(), 0);
}

}  // namespace
}  // namespace foreshard::migration
