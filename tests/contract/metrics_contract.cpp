#include "tests/contract/metrics_contract.h"

namespace foreshard::contract {

TEST_P(MetricsContract, AnswersEachSeriesOnTheGridInOrderOfLabels) {
  const auto answer = Ask(10, 14);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->size(), 2u);
  EXPECT_EQ((*answer)[0].labels.at("shard"), "s-a");
  EXPECT_EQ((*answer)[1].labels.at("shard"), "s-b");
  ASSERT_EQ((*answer)[0].samples.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_DOUBLE_EQ((*answer)[0].samples[i].time_seconds,
                     world_->begin() + 5.0 * static_cast<double>(10 + i));
    EXPECT_DOUBLE_EQ((*answer)[0].samples[i].value, static_cast<double>(11 + i));
    EXPECT_DOUBLE_EQ((*answer)[1].samples[i].value, 7);
  }
}

TEST_P(MetricsContract, AGapHasNoSamples) {
  const auto answer =
      Ask(MetricsWorld::kGap - 2, MetricsWorld::kGap + MetricsWorld::kGapSamples + 1);
  ASSERT_TRUE(answer) << answer.error().message;
  const std::vector<op::Sample>& samples = (*answer)[0].samples;
  ASSERT_EQ(samples.size(), 4u) << "two before and two after the gap";
  EXPECT_DOUBLE_EQ(samples[2].time_seconds - samples[1].time_seconds,
                   5.0 * (MetricsWorld::kGapSamples + 1));
}

TEST_P(MetricsContract, TimesWithoutAnySampleAnswerNothing) {
  const auto answer = Ask(-100'000, -99'990);
  ASSERT_TRUE(answer) << answer.error().message;
  for (const op::MetricSeries& series : *answer) EXPECT_TRUE(series.samples.empty());
}

TEST_P(MetricsContract, LongRangesAreJoinedFromPieces) {
  // More points than a Prometheus answers at once (11,000).
  const auto answer = Ask(-12'000, 20);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->size(), 2u);
  EXPECT_EQ((*answer)[0].samples.size(), 21u);
}

TEST_P(MetricsContract, WhoDoesNotAnswerMayAnswerLater) {
  world_->Disappear();
  const auto answer = Ask(0, 1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::kRetry);
}

}  // namespace foreshard::contract
