#include "forecast/models/lstm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace foreshard::forecast {
namespace {

struct Size {
  int samples = 2;
  int steps = 5;
  int horizons = 2;
};

LstmBatch<double> RandomBatch(const LstmShape& shape, const Size& size, bool masks,
                              Random& random) {
  const auto fill = [&random](Eigen::MatrixXd& values, int rows, int columns) {
    values.resize(rows, columns);
    for (double& value : values.reshaped()) value = random.Normal();
  };
  LstmBatch<double> batch;
  batch.inputs.resize(static_cast<std::size_t>(size.steps));
  for (Eigen::MatrixXd& step : batch.inputs) fill(step, shape.inputs, size.samples);
  fill(batch.context, shape.context, size.horizons * size.samples);
  fill(batch.target, size.horizons, size.samples);
  batch.known = Eigen::MatrixXd::Ones(size.steps, size.samples);
  for (Eigen::Index t = 0; masks && t < batch.known.rows(); ++t) {
    for (Eigen::Index s = 0; s < size.samples; ++s) batch.known(t, s) = (t + s) % 3 != 1 ? 1 : 0;
  }
  return batch;
}

// Central differences on every parameter.
TEST(Lstm, TheGradientIsRight) {
  for (const int layers : {1, 2}) {
    for (const bool masks : {false, true}) {
      Random random(7);
      const LstmShape shape{.inputs = 2, .context = 2, .cells = 3, .layers = layers, .hidden = 4};
      Lstm<double> network(shape, random);
      LstmBatch<double> batch = RandomBatch(shape, {}, masks, random);
      if (masks) batch.target(1, 0) = std::numeric_limits<double>::quiet_NaN();
      Eigen::VectorXd gradient = Eigen::VectorXd::Zero(network.parameters().size());
      network.LossAndGradient(batch, gradient);
      constexpr double kStep = 1e-5;
      for (Eigen::Index i = 0; i < gradient.size(); ++i) {
        const double kept = network.parameters()(i);
        network.parameters()(i) = kept + kStep;
        const double above = network.Loss(batch);
        network.parameters()(i) = kept - kStep;
        const double below = network.Loss(batch);
        network.parameters()(i) = kept;
        const double numeric = (above - below) / (2 * kStep);
        const double size = std::max({std::abs(numeric), std::abs(gradient(i)), 1e-4});
        EXPECT_LE(std::abs(numeric - gradient(i)) / size, 1e-6)
            << layers << masks << " parameter " << i;
      }
    }
  }
}

// A sample says the same whoever goes through the network with it.
TEST(Lstm, SamplesOfABatchDoNotMeet) {
  Random random(14);
  const LstmShape shape{.inputs = 3, .context = 1, .cells = 4, .layers = 2, .hidden = 5};
  const Lstm<double> network(shape, random);
  const LstmBatch<double> both = RandomBatch(shape, {.samples = 2}, true, random);
  const Eigen::MatrixXd together = network.Quantiles(both);
  for (Eigen::Index s = 0; s < 2; ++s) {
    LstmBatch<double> alone = both;
    for (Eigen::MatrixXd& step : alone.inputs) step = Eigen::MatrixXd(step.col(s));
    alone.known = both.known.col(s);
    alone.context = both.context.middleCols(2 * s, 2);
    alone.target = both.target.col(s);
    EXPECT_TRUE(network.Quantiles(alone).isApprox(together.middleCols(2 * s, 2), 1e-12));
  }
}

TEST(Lstm, QuantilesNeverCross) {
  Random random(8);
  const LstmShape shape{.inputs = 3, .context = 1, .cells = 8, .layers = 1, .hidden = 16};
  for (int trial = 0; trial < 50; ++trial) {
    Lstm<double> network(shape, random);
    network.parameters() *= 5;
    const Eigen::MatrixXd quantiles = network.Quantiles(
        RandomBatch(shape, {.samples = 1, .steps = 10, .horizons = 4}, true, random));
    for (int h = 0; h < 4; ++h) {
      for (int q = 1; q < kLstmQuantiles; ++q) EXPECT_LE(quantiles(q - 1, h), quantiles(q, h));
    }
  }
}

TEST(Lstm, NoWindowAndAShortWindowWork) {
  Random random(9);
  const LstmShape shape{.inputs = 2, .context = 2, .cells = 3, .layers = 2, .hidden = 4};
  const Lstm<double> network(shape, random);
  for (const int steps : {0, 1}) {
    const LstmBatch<double> batch = RandomBatch(shape, {.steps = steps}, false, random);
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(network.parameters().size());
    EXPECT_TRUE(std::isfinite(network.LossAndGradient(batch, gradient)));
    EXPECT_TRUE(gradient.allFinite());
    EXPECT_GT(gradient.norm(), 0);
  }
}

TEST(Lstm, DamagedWeightsAreRefused) {
  Random random(13);
  const Lstm<float> network({.inputs = 2, .context = 1, .cells = 4, .layers = 1, .hidden = 4},
                            random);
  const std::string bytes = network.Serialize();
  const Result<Lstm<float>> again = Lstm<float>::Parse(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->parameters(), network.parameters());
  for (int i = 0; i < 100; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
    EXPECT_FALSE(Lstm<float>::Parse(damaged).ok());
  }
  EXPECT_FALSE(Lstm<double>::Parse(bytes).ok()) << "another precision";
  EXPECT_FALSE(Lstm<float>::Parse(bytes.substr(0, 20)).ok());
}

}  // namespace
}  // namespace foreshard::forecast
