#include "backup/choose_point.h"

#include <gtest/gtest.h>

namespace foreshard::backup {
namespace {

Point At(std::int64_t number, const std::string& time, const std::string& uid = "aa") {
  Point point;
  point.number = {number};
  point.made_at = *ParseRfc3339(time);
  point.state.set_uid = uid;
  return point;
}

const std::vector<Point> kPoints = {At(3, "2026-05-01T09:00:00.400000Z", "old"),
                                    At(7, "2026-05-01T09:10:00.700000Z"),
                                    At(8, "2026-05-01T09:20:00.000000Z")};

std::int64_t Chosen(const std::string& wish) {
  const auto point = ChoosePoint(kPoints, wish);
  return point ? point->number.value : 0;
}

TEST(ChoosePoint, ByNumberNameOrTime) {
  EXPECT_EQ(Chosen("7"), 7);
  EXPECT_EQ(Chosen("foreshard/aa/7"), 7);
  EXPECT_EQ(Chosen("foreshard/old/3"), 3);
  EXPECT_EQ(Chosen("2026-05-01T09:19:59Z"), 7);
  EXPECT_EQ(Chosen("2026-05-01T09:10:00Z"), 7) << "as its time is shown, to the second";
  EXPECT_EQ(Chosen("2026-05-01T09:10:00.600000Z"), 3) << "said more exactly than that";
  EXPECT_EQ(Chosen("2026-05-01T09:09:59Z"), 3);
  EXPECT_EQ(Chosen("2030-01-01T00:00:00Z"), 8);
}

TEST(ChoosePoint, SaysWhatThereIs) {
  for (const char* wish : {"6", "foreshard/old/7", "2026-05-01T08:59:59Z"}) {
    const auto none = ChoosePoint(kPoints, wish);
    ASSERT_FALSE(none) << wish;
    EXPECT_EQ(none.error().reason, "PointNotFound");
    EXPECT_EQ(none.error().message,
              std::string("'") + wish +
                  "': there is no such point; there are 3, from foreshard/old/3 of "
                  "2026-05-01T09:00:00Z to foreshard/aa/8 of 2026-05-01T09:20:00Z");
  }
  EXPECT_EQ(ChoosePoint({}, "6").error().message, "'6': no point was kept yet");
}

TEST(ChoosePoint, TakesNoOtherWords) {
  for (const char* wish : {"", "0", "-1", "newest", "foreshard/aa", "foreshard//7", "7 ",
                           "foreshard/aa/7/8", "2026-05-01", "9999999999999999"}) {
    EXPECT_FALSE(ParsePointWish(wish)) << wish;
    EXPECT_FALSE(ChoosePoint(kPoints, wish)) << wish;
  }
}

}  // namespace
}  // namespace foreshard::backup
