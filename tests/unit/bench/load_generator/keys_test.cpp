#include "bench/load_generator/keys.h"

#include <gtest/gtest.h>

namespace foreshard::load {
namespace {

TEST(KeyChooser, SharesTheLoadAsAskedAndStaysWithItsOwnKeys) {
  const KeyChooser chooser(/*key_count=*/10'000, /*clients=*/4, /*client=*/3, /*hot_share=*/0.7,
                           /*skew=*/0.3);
  Random random(1);
  int hot = 0;
  constexpr int kDraws = 10'000;
  for (int i = 0; i < kDraws; ++i) {
    const std::int64_t key = chooser.Choose(random);
    ASSERT_EQ(key % 4, 3);
    if (model::PositionOfHash(model::HashInt8Extended(key, 0)) >> 63 == 0) ++hot;
  }
  EXPECT_NEAR(hot, 7'000, 200);
}

}  // namespace
}  // namespace foreshard::load
