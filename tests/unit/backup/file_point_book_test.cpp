#include "backup/file_point_book.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "tests/fakes/fake_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

namespace foreshard::backup {
namespace {

using support::Good;
using std::chrono_literals::operator""s;

class Book : public testing::Test {
 protected:
  Point Made(std::int64_t number, std::int64_t epoch = 12) const {
    return {.number = {number},
            .made_at = clock_.Wall(),
            .state = {.set_uid = "uid-1",
                      .shards = {{"s-1"}},
                      .epoch = {epoch},
                      .routing_table = "{}",
                      .migrations = "[]",
                      .cutovers = {},
                      .number_max = {}},
            .shards = {{.shard = {"s-1"},
                        .system_identifier = "7",
                        .timeline = 1,
                        .lsn = "0/1",
                        .wal_file = "000000010000000000000001"}}};
  }
  Deadline Soon() const { return Deadline::After(clock_, 5s); }
  std::int64_t Begun() {
    const auto number = book_.Begin("uid-1", Soon());
    EXPECT_TRUE(Good(number));
    return number ? number->value : 0;
  }

  fakes::FakeClock clock_;
  support::TemporaryDirectory directory_{"points"};
  FilePointBook book_{directory_.path().string()};
};

TEST_F(Book, NeverGivesANumberTwice) {
  EXPECT_EQ(Begun(), 1);
  EXPECT_EQ(Begun(), 2) << "1 was used up, whatever came of it";
  ASSERT_TRUE(book_.Keep(Made(2), Soon()).ok());
  FilePointBook other(directory_.path().string());
  EXPECT_EQ(other.Begin("uid-1", Soon())->value, 3);
  EXPECT_EQ(other.Begin("uid-2", Soon())->value, 1) << "another set";
  // Somebody who tidies up may leave only what was kept.
  ASSERT_TRUE(book_.Keep(Made(9), Soon()).ok());
  std::filesystem::remove(directory_.path() / "uid-1" / "intent-3");
  EXPECT_EQ(Begun(), 10);
}

TEST_F(Book, GivesEachOfManyItsOwn) {
  std::mutex mutex;
  std::set<std::int64_t> numbers;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 8; ++i) {
      all.emplace_back([&] {
        for (int n = 0; n < 10; ++n) {
          const std::int64_t number = Begun();
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(numbers.insert(number).second) << number;
        }
      });
    }
  }
  EXPECT_EQ(numbers.size(), 80U);
}

TEST_F(Book, KeepsAPointOnceAndNeverChangesIt) {
  EXPECT_TRUE(book_.List("uid-1", Soon())->empty());
  ASSERT_TRUE(book_.Keep(Made(1), Soon()).ok());
  EXPECT_TRUE(book_.Keep(Made(1), Soon()).ok()) << "the answer may have been lost";
  EXPECT_EQ(book_.Keep(Made(1, 13), Soon()).error().kind, Error::Kind::kFenced);
  ASSERT_TRUE(book_.Keep(Made(10), Soon()).ok());
  ASSERT_TRUE(book_.Keep(Made(2), Soon()).ok());
  const auto points = book_.List("uid-1", Soon());
  ASSERT_TRUE(Good(points));
  EXPECT_EQ(*points, (std::vector<Point>{Made(1), Made(2), Made(10)})) << "oldest first";
}

TEST_F(Book, SaysWhichFileIsNoPoint) {
  ASSERT_TRUE(book_.Keep(Made(1), Soon()).ok());
  support::WriteFile(directory_.path() / "uid-1" / "point-1.json", "{}");
  const auto points = book_.List("uid-1", Soon());
  ASSERT_FALSE(points.ok());
  EXPECT_NE(points.error().message.find("point-1.json"), std::string::npos);
}

TEST_F(Book, SaysWhyItCannotWrite) {
  directory_.Write("file", "");
  FilePointBook book(directory_.File("file"));
  EXPECT_EQ(book.Begin("uid-1", Soon()).error().kind, Error::Kind::kRetry);
  EXPECT_EQ(book.Keep(Made(1), Soon()).error().kind, Error::Kind::kRetry);
}

}  // namespace
}  // namespace foreshard::backup
