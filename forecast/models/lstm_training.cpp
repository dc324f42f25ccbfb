#include "forecast/models/lstm_training.h"

#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr double kFirstKeep = 0.9;
constexpr double kSecondKeep = 0.999;
constexpr double kTiny = 1e-8;

// How far Adam moves the weights against this gradient.
Eigen::VectorXd Move(LstmTraining& training, Eigen::VectorXd gradient) {
  const double norm = gradient.norm();
  if (norm > training.clip) gradient *= training.clip / norm;
  if (training.first.size() != gradient.size()) {
    training.first = Eigen::VectorXd::Zero(gradient.size());
    training.second = Eigen::VectorXd::Zero(gradient.size());
  }
  ++training.steps;
  training.first = kFirstKeep * training.first + (1 - kFirstKeep) * gradient;
  training.second = kSecondKeep * training.second + (1 - kSecondKeep) * gradient.cwiseAbs2();
  const double first_bias = 1 - std::pow(kFirstKeep, static_cast<double>(training.steps));
  const double second_bias = 1 - std::pow(kSecondKeep, static_cast<double>(training.steps));
  return training.rate * (training.first / first_bias).array() /
         ((training.second / second_bias).array().sqrt() + kTiny);
}

}  // namespace

template <typename Scalar>
Result<double> TrainStep(Lstm<Scalar>& network, LstmTraining& training,
                         std::span<const LstmBatch<Scalar>> slices, const Executor& run) {
  if (slices.empty()) return Error::GiveUp("a batch without samples", "BadBatch");
  using Vector = typename Lstm<Scalar>::Vector;
  std::vector<Vector> gradients(slices.size(), Vector::Zero(network.parameters().size()));
  std::vector<double> losses(slices.size());
  std::vector<std::function<void()>> tasks;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    tasks.push_back([&network, &slices, &gradients, &losses, i] {
      losses[i] = static_cast<double>(network.LossAndGradient(slices[i], gradients[i]));
    });
  }
  run(tasks);
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(network.parameters().size());
  double loss = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    gradient += gradients[i].template cast<double>() / static_cast<double>(slices.size());
    loss += losses[i] / static_cast<double>(slices.size());
  }
  if (!std::isfinite(loss) || !gradient.allFinite()) {
    return Error::GiveUp("training exploded: the loss is not a finite number", "Exploded");
  }
  network.parameters() -= Move(training, std::move(gradient)).template cast<Scalar>();
  return loss;
}

template Result<double> TrainStep(Lstm<float>&, LstmTraining&, std::span<const LstmBatch<float>>,
                                  const Executor&);
template Result<double> TrainStep(Lstm<double>&, LstmTraining&, std::span<const LstmBatch<double>>,
                                  const Executor&);

}  // namespace foreshard::forecast
