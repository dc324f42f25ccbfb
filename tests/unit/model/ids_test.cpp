#include "model/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace foreshard::model {
namespace {

TEST(Ids, OneKindIsNeverAnother) {
  EXPECT_FALSE((std::is_convertible_v<Epoch, Token>));
  EXPECT_FALSE((std::is_same_v<Attempt, MigrationNumber>));
  EXPECT_LT((Epoch{12}), (Epoch{13}));
}

TEST(Ids, ATokensRecordComesBeforeTheLease) {
  EXPECT_GT(MakeToken(13, 0), MakeToken(12, 900'000));
  EXPECT_GT(MakeToken(12, 2), MakeToken(12, 1));
  EXPECT_EQ(MakeToken(1, (std::int64_t{1} << 20) + 5), MakeToken(1, 5));
}

TEST(Ids, PrintAsTheirValue) {
  EXPECT_EQ(fmt::format("{} {}", ShardId{"s-4kq7"}, Epoch{12}), "s-4kq7 12");
}

}  // namespace
}  // namespace foreshard::model
