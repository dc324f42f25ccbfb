#include "operator/backoff.h"

#include <gtest/gtest.h>

#include <set>

#include "operator/limits.h"

namespace foreshard::op {
namespace {

TEST(Backoff, EndsAtTheLongestAndForgets) {
  Backoff backoff{Random(7)};
  const kube::ObjectRef key{"n", "a"};
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 40; ++i) last = backoff.Next(key);
  EXPECT_LE(last, kBackoffLongest);
  EXPECT_GE(last, kBackoffLongest * 4 / 5);
  EXPECT_LE(backoff.Next({"n", "other"}), kBackoffFirst) << "each key has its own";
  backoff.Forget(key);
  EXPECT_LE(backoff.Next(key), kBackoffFirst);
}

TEST(Backoff, KeysThatFailedTogetherDoNotComeBackTogether) {
  Backoff backoff{Random(7)};
  std::set<std::int64_t> waits;
  for (int key = 0; key < 20; ++key) {
    std::chrono::milliseconds wait{0};
    for (int i = 0; i < 6; ++i) wait = backoff.Next({"n", std::to_string(key)});
    waits.insert(wait.count());
  }
  EXPECT_GT(waits.size(), 10U);
}

}  // namespace
}  // namespace foreshard::op
