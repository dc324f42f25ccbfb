#pragma once

#include <Eigen/Dense>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

// A recurrent network that says quantiles: one for all series of a set.
//
//   cell     i, f, o = sigmoid(W [x; h; 1]),  g = tanh(...),  c = f c + i g,  h = o tanh(c)
//            a masked step leaves h and c as they are
//   head     for each horizon: [h of the last step; context of the target; 1] -> tanh -> 9 numbers;
//            the fifth is the median, the others are the median -+ cumulated softplus, so they
//            cannot cross
//   loss     pinball, averaged over quantiles, known targets and samples
//
// Many samples go through together: a step of all of them is one product of matrices. Backward runs
// through the whole window. Sums are made in a fixed order, so the same seed and data give the same
// bits. Training: lstm_training.h; what goes in: global_lstm.h.
// Source: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997.
// Cost: 0.1 ms forward for one sample of 24 steps with 32 cells, in float (bench/forecast).

namespace foreshard::forecast {

inline constexpr int kLstmQuantiles = 9;
inline constexpr std::size_t kLstmMedian = kLstmQuantiles / 2;
inline constexpr std::array<double, kLstmQuantiles> kLstmLevels = {0.01, 0.05, 0.10, 0.25, 0.50,
                                                                   0.75, 0.90, 0.95, 0.99};

struct LstmShape {
  int inputs = 8;   // of a step
  int context = 4;  // of a target
  int cells = 32;
  int layers = 1;   // 1 or 2
  int hidden = 16;  // of the head
  bool operator==(const LstmShape&) const = default;
};

// Windows of equal length: what was seen, what is asked. All samples ask for as many horizons.
template <typename Scalar>
struct LstmBatch {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  std::vector<Matrix> inputs;  // by step: inputs x samples; no steps is legal
  Matrix known;                // steps x samples; 0: the step is masked
  Matrix context;              // context x (horizons * samples), the horizons of a sample together
  Matrix target;               // horizons x samples; NaN: not known, teaches nothing

  Eigen::Index samples() const { return target.cols(); }
  Eigen::Index horizons() const { return target.rows(); }
};

template <typename Scalar>
class Lstm {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  // Small random weights, forget bias 1. REQUIRES: a shape with 1 or 2 layers and positive sizes.
  Lstm(const LstmShape& shape, Random& random);

  const LstmShape& shape() const { return shape_; }
  Vector& parameters() { return parameters_; }
  const Vector& parameters() const { return parameters_; }

  // Quantiles: 9 x (horizons * samples), ascending in each column.
  Matrix Quantiles(const LstmBatch<Scalar>& batch) const;
  Scalar Loss(const LstmBatch<Scalar>& batch) const;
  // Adds the gradient of the loss to `gradient` and returns the loss.
  Scalar LossAndGradient(const LstmBatch<Scalar>& batch, Vector& gradient) const;

  // With a version and a checksum. Errors: kGiveUp for damage, another version or precision.
  std::string Serialize() const;
  static Result<Lstm> Parse(std::string_view bytes);

 private:
  explicit Lstm(const LstmShape& shape);

  // Where each block lies in the parameters.
  struct Layer {
    int inputs = 0;
    Eigen::Index at = 0;  // 4 cells x (inputs + cells + 1), rows i, f, o, g
  };
  struct Tape;
  struct Head;

  Eigen::Map<const Matrix> GateBlock(const Layer& layer) const;
  Eigen::Map<const Matrix> FirstBlock() const;
  Eigen::Map<const Matrix> SecondBlock() const;
  void Forward(const LstmBatch<Scalar>& batch, Tape& tape) const;
  Matrix Speak(const LstmBatch<Scalar>& batch, const Tape& tape, Head& head) const;
  Matrix HeadBackward(const Head& head, const Matrix& by_quantile, Eigen::Index horizons,
                      Vector& gradient) const;
  void Backward(const LstmBatch<Scalar>& batch, const Tape& tape, const Matrix& last_state,
                Vector& gradient) const;

  LstmShape shape_;
  std::vector<Layer> layers_;
  Eigen::Index first_at_ = 0;   // head: hidden x (cells + context + 1)
  Eigen::Index second_at_ = 0;  // head: 9 x (hidden + 1)
  Vector parameters_;
};

extern template class Lstm<float>;
extern template class Lstm<double>;

}  // namespace foreshard::forecast
