#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <span>

#include "forecast/models/lstm.h"
#include "forecast/tasks.h"

// Steps of Adam on a recurrent network: a value that advances, so training can stop and go on
// between any two batches.
//
//   m <- 0.9 m + 0.1 g,  v <- 0.999 v + 0.001 g^2,  w <- w - rate m^ / (sqrt v^ + 1e-8)
//
// The norm of a gradient is cut at `clip`. A batch comes in slices, which may be worked on at the
// same time; their gradients are summed in their order, so threads change no bit.
// Source: Kingma and Ba, ICLR 2015.

namespace foreshard::forecast {

struct LstmTraining {
  double rate = 1e-3;
  double clip = 1;
  std::int64_t steps = 0;
  Eigen::VectorXd first{};  // Adam's moments
  Eigen::VectorXd second{};
};

// One step on the mean of the slices; returns the mean loss. Errors: kGiveUp for no slices, or when
// the loss or the gradient is not finite; the network is then as it was.
template <typename Scalar>
Result<double> TrainStep(Lstm<Scalar>& network, LstmTraining& training,
                         std::span<const LstmBatch<Scalar>> slices, const Executor& run = OneByOne);

}  // namespace foreshard::forecast
