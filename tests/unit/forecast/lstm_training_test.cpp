#include "forecast/models/lstm_training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace foreshard::forecast {
namespace {

constexpr LstmShape kShape = {.inputs = 1, .context = 1, .cells = 12, .layers = 1, .hidden = 16};

// Windows of one input a step, `ahead` targets each; `fill` writes a sample of both.
LstmBatch<float> Windows(
    int samples, int steps, int ahead,
    const std::function<void(Eigen::VectorXf& seen, Eigen::VectorXf& asked)>& fill) {
  LstmBatch<float> batch;
  batch.inputs.assign(static_cast<std::size_t>(steps), Eigen::MatrixXf::Zero(1, samples));
  batch.known = Eigen::MatrixXf::Ones(steps, samples);
  batch.context.resize(1, ahead * samples);
  batch.target.resize(ahead, samples);
  for (int s = 0; s < samples; ++s) {
    Eigen::VectorXf seen(steps);
    Eigen::VectorXf asked(ahead);
    fill(seen, asked);
    for (int t = 0; t < steps; ++t) batch.inputs[static_cast<std::size_t>(t)](0, s) = seen(t);
    for (int h = 0; h < ahead; ++h) batch.context(0, s * ahead + h) = static_cast<float>(h);
    batch.target.col(s) = asked;
  }
  return batch;
}

// The mean loss before and after training on batches that `next` makes.
std::pair<double, double> Learn(int steps, const std::function<LstmBatch<float>(Random&)>& next) {
  Random random(10);
  Lstm<float> network(kShape, random);
  LstmTraining training{.rate = 0.01};
  double before = 0;
  double after = 0;
  for (int step = 0; step < steps; ++step) {
    const std::vector<LstmBatch<float>> slices = {next(random)};
    const Result<double> loss = TrainStep<float>(network, training, slices);
    CHECK(loss.ok(), "a step");
    if (step < 5) before += *loss / 5;
    if (step >= steps - 20) after += *loss / 20;
  }
  return {before, after};
}

TEST(LstmTraining, LearnsADelayedCopy) {
  const auto [before, after] = Learn(900, [](Random& random) {
    return Windows(16, 6, 1, [&random](Eigen::VectorXf& seen, Eigen::VectorXf& asked) {
      for (float& value : seen) value = static_cast<float>(2 * random.Unit() - 1);
      asked(0) = seen(3);  // three steps before the end
    });
  });
  EXPECT_LT(after, 0.1 * before);
}

TEST(LstmTraining, LearnsASine) {
  const auto [before, after] = Learn(900, [](Random& random) {
    return Windows(16, 12, 2, [&random](Eigen::VectorXf& seen, Eigen::VectorXf& asked) {
      const double phase = 6.283 * random.Unit();
      const auto wave = [phase](double t) { return static_cast<float>(std::sin(phase + 0.4 * t)); };
      for (int t = 0; t < 12; ++t) seen(t) = wave(t);
      asked << wave(12), wave(16);
    });
  });
  EXPECT_LT(after, 0.1 * before);
}

LstmBatch<float> Noise(Random& random) {
  return Windows(4, 5, 2, [&random](Eigen::VectorXf& seen, Eigen::VectorXf& asked) {
    for (float& value : seen) value = static_cast<float>(random.Normal());
    for (float& value : asked) value = static_cast<float>(random.Normal());
  });
}

TEST(LstmTraining, ExplodingInputIsAnErrorAndChangesNothing) {
  Random random(11);
  Lstm<float> network(kShape, random);
  const Eigen::VectorXf before = network.parameters();
  std::vector<LstmBatch<float>> slices = {Noise(random)};
  slices[0].target(0, 0) = std::numeric_limits<float>::infinity();
  LstmTraining training;
  EXPECT_FALSE(TrainStep<float>(network, training, slices).ok());
  EXPECT_EQ(network.parameters(), before);
  EXPECT_FALSE(TrainStep<float>(network, training, {}).ok());
}

TEST(LstmTraining, NeitherTheOrderOfWorkNorASecondRunChangesABit) {
  const Executor backwards = [](const Tasks& tasks) {
    for (std::size_t i = tasks.size(); i-- > 0;) tasks[i]();
  };
  const auto run = [](const Executor& executor) {
    Random random(12);
    Lstm<float> network(kShape, random);
    LstmTraining training;
    for (int step = 0; step < 5; ++step) {
      const std::vector<LstmBatch<float>> slices = {Noise(random), Noise(random), Noise(random)};
      CHECK(TrainStep<float>(network, training, slices, executor).ok(), "a step");
    }
    return network.Serialize();
  };
  EXPECT_EQ(run(OneByOne), run(OneByOne));
  EXPECT_EQ(run(OneByOne), run(backwards));
}

}  // namespace
}  // namespace foreshard::forecast
