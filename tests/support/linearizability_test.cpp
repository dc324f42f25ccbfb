#include "tests/support/linearizability.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace foreshard::support {
namespace {

MonotonicTime At(std::int64_t millis) { return MonotonicTime(std::chrono::milliseconds(millis)); }

RegisterOperation Write(std::int64_t value, std::int64_t begin, std::int64_t end) {
  return {.write = true, .value = value, .begin = At(begin), .end = At(end)};
}
RegisterOperation Read(std::int64_t value, std::int64_t begin, std::int64_t end) {
  return {.write = false, .value = value, .begin = At(begin), .end = At(end)};
}
RegisterOperation Unanswered(std::int64_t value, std::int64_t begin) {
  return {
      .write = true, .value = value, .begin = At(begin), .end = RegisterOperation::kNeverAnswered};
}

using History = std::vector<RegisterOperation>;

TEST(Linearizability, AcceptsWhatAnOrderExplains) {
  EXPECT_FALSE(NotLinearizable(0, History{}));
  EXPECT_FALSE(NotLinearizable(0, History{Read(0, 1, 2), Write(1, 3, 4), Read(1, 5, 6)}));
  // During a write both values may be seen, but not the old one after the new one.
  EXPECT_FALSE(NotLinearizable(0, History{Write(1, 1, 10), Read(0, 2, 3), Read(1, 4, 5)}));
  // A write without an answer may happen late, or never.
  EXPECT_FALSE(NotLinearizable(0, History{Unanswered(1, 1), Read(0, 2, 3), Read(1, 9, 10)}));
  EXPECT_FALSE(NotLinearizable(0, History{Unanswered(1, 1), Write(2, 2, 3), Read(2, 4, 5)}));
}

TEST(Linearizability, FindsAStaleRead) {
  const auto why = NotLinearizable(0, History{Write(1, 1, 2), Read(0, 3, 4)});
  ASSERT_TRUE(why);
  EXPECT_EQ(*why,
            "1 (first end: 2.000 ms, last begin: 1.000 ms) was written and gone while the register "
            "held 0 (first end: the beginning, last begin: 3.000 ms)");
}

TEST(Linearizability, FindsALostWriteABackwardReadAndAValueFromNowhere) {
  // Both readers agree that 1 came after 2, and a third one saw it the other way round.
  EXPECT_TRUE(NotLinearizable(0, History{Write(1, 1, 2), Write(2, 3, 4), Read(1, 5, 6)}));
  EXPECT_TRUE(NotLinearizable(0, History{Write(1, 1, 10), Read(1, 2, 3), Read(0, 4, 5)}));
  EXPECT_TRUE(NotLinearizable(
      0, History{Write(1, 1, 20), Write(2, 1, 20), Read(1, 2, 3), Read(2, 4, 5), Read(1, 6, 7)}));
  EXPECT_EQ(NotLinearizable(0, History{Read(7, 1, 2)}), "7 was read and never written");
  EXPECT_EQ(NotLinearizable(0, History{Read(7, 1, 2), Write(7, 3, 4)}),
            "7 was read before it was written");
}

// Tries every order.
bool Explained(std::int64_t held, const History& history, std::vector<bool>& done) {
  bool all = true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (done[i]) continue;
    all = all && history[i].end == RegisterOperation::kNeverAnswered;
    bool first = true;
    for (std::size_t j = 0; j < history.size(); ++j) {
      first = first && (done[j] || j == i || !(history[j].end < history[i].begin));
    }
    if (!first || (!history[i].write && history[i].value != held)) continue;
    done[i] = true;
    const bool found = Explained(history[i].write ? history[i].value : held, history, done);
    done[i] = false;
    if (found) return true;
  }
  return all;
}

TEST(Linearizability, AgreesWithTryingEveryOrder) {
  const std::uint64_t seed = SeedFromSystem();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  int good = 0;
  constexpr int kHistories = 20'000;
  for (int i = 0; i < kHistories; ++i) {
    History history;
    std::int64_t writes = 0;
    const std::int64_t count = random.Between(1, 7);
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t begin = random.Between(0, 12);
      const std::int64_t end = begin + random.Between(1, 8);
      if (random.Chance(0.5)) {
        ++writes;
        history.push_back(random.Chance(0.2) ? Unanswered(writes, begin)
                                             : Write(writes, begin, end));
      } else {
        history.push_back(Read(random.Between(0, std::max<std::int64_t>(writes, 1)), begin, end));
      }
    }
    std::vector<bool> done(history.size(), false);
    const bool explained = Explained(0, history, done);
    const auto why = NotLinearizable(0, history);
    ASSERT_EQ(explained, !why) << "history " << i << ": " << why.value_or("accepted");
    good += explained ? 1 : 0;
  }
  EXPECT_GT(good, kHistories / 10);
  EXPECT_LT(good, kHistories * 9 / 10);
}

}  // namespace
}  // namespace foreshard::support
