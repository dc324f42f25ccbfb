#include "forecast/models/lstm.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "forecast/bytes.h"

namespace foreshard::forecast {

namespace {

constexpr std::uint32_t kMagic = 0x4d54534c;  // "LSTM"
constexpr std::uint32_t kVersion = 1;
constexpr Eigen::Index kMedianRow = kLstmMedian;
constexpr int kSizeMost = 1024;

// Of an array. Beyond 30 softplus is the identity to the last bit of a float.
template <typename Array>
auto Sigmoid(const Array& x) {
  return (1 + (-x).exp()).inverse();
}

template <typename Scalar>
Scalar Softplus(Scalar x) {
  return x > Scalar(30) ? x : std::log1p(std::exp(x));
}

bool IsLegal(const LstmShape& shape) {
  for (const int size : {shape.inputs, shape.cells, shape.hidden}) {
    if (size < 1 || size > kSizeMost) return false;
  }
  return shape.context >= 0 && shape.context <= kSizeMost && shape.layers >= 1 && shape.layers <= 2;
}

// Pinball loss of known targets, divided by `count`; `slope` gets its derivative by quantile.
template <typename Batch, typename Matrix>
auto PinballOf(const Batch& batch, const Matrix& quantiles, Matrix* slope) {
  using Scalar = typename Matrix::Scalar;
  Scalar loss = 0;
  const auto known = static_cast<Scalar>(batch.target.array().isFinite().count());
  const Scalar count = std::max(Scalar(1), Scalar(kLstmQuantiles) * known);
  if (slope != nullptr) *slope = Matrix::Zero(quantiles.rows(), quantiles.cols());
  for (Eigen::Index i = 0; i < quantiles.cols(); ++i) {
    const Scalar target = batch.target.data()[i];
    // Infinity is no gap: it makes the loss infinite, and training refuses the batch.
    if (std::isnan(target)) continue;
    for (Eigen::Index q = 0; q < kLstmQuantiles; ++q) {
      const auto level = static_cast<Scalar>(kLstmLevels[static_cast<std::size_t>(q)]);
      const Scalar off = target - quantiles(q, i);
      loss += std::max(level * off, (level - Scalar(1)) * off) / count;
      if (slope != nullptr) (*slope)(q, i) = (off > 0 ? -level : Scalar(1) - level) / count;
    }
  }
  return loss;
}

}  // namespace

// What forward leaves for backward: one matrix a step (its columns are samples), one entry a layer.
template <typename Scalar>
struct Lstm<Scalar>::Tape {
  struct OfLayer {
    std::vector<Matrix> input;  // [x; h before; 1]
    std::vector<Matrix> gates;  // i, f, o, g after their functions
    std::vector<Matrix> cell;   // entry t + 1: c after step t; entry 0: zeros
    std::vector<Matrix> state;  // the same of h
  };
  std::vector<OfLayer> layers;
};

template <typename Scalar>
struct Lstm<Scalar>::Head {
  Matrix input;   // [h; context; 1] by horizon of each sample
  Matrix hidden;  // after tanh, with a last row of ones
  Matrix raw;     // the nine numbers
};

template <typename Scalar>
Eigen::Map<const typename Lstm<Scalar>::Matrix> Lstm<Scalar>::GateBlock(const Layer& layer) const {
  return {parameters_.data() + layer.at, 4 * shape_.cells, layer.inputs + shape_.cells + 1};
}

template <typename Scalar>
Eigen::Map<const typename Lstm<Scalar>::Matrix> Lstm<Scalar>::FirstBlock() const {
  return {parameters_.data() + first_at_, shape_.hidden, shape_.cells + shape_.context + 1};
}

template <typename Scalar>
Eigen::Map<const typename Lstm<Scalar>::Matrix> Lstm<Scalar>::SecondBlock() const {
  return {parameters_.data() + second_at_, kLstmQuantiles, shape_.hidden + 1};
}

template <typename Scalar>
Lstm<Scalar>::Lstm(const LstmShape& shape) : shape_(shape) {
  CHECK(IsLegal(shape), "illegal shape of a network", shape.cells, shape.layers);
  Eigen::Index at = 0;
  for (int l = 0; l < shape.layers; ++l) {
    const int inputs = l == 0 ? shape.inputs : shape.cells;
    layers_.push_back({inputs, at});
    at += Eigen::Index{4} * shape.cells * (inputs + shape.cells + 1);
  }
  first_at_ = at;
  at += Eigen::Index{shape.hidden} * (shape.cells + shape.context + 1);
  second_at_ = at;
  at += Eigen::Index{kLstmQuantiles} * (shape.hidden + 1);
  parameters_ = Vector::Zero(at);
}

template <typename Scalar>
Lstm<Scalar>::Lstm(const LstmShape& shape, Random& random) : Lstm(shape) {
  const auto fill = [&](Eigen::Index begin, Eigen::Index end, int inputs) {
    const double spread = 1 / std::sqrt(static_cast<double>(inputs));
    for (Eigen::Index i = begin; i < end; ++i) {
      parameters_(i) = static_cast<Scalar>(spread * (2 * random.Unit() - 1));
    }
  };
  for (const Layer& layer : layers_) {
    const int width = layer.inputs + shape.cells + 1;
    const Eigen::Index rows = Eigen::Index{4} * shape.cells;
    fill(layer.at, layer.at + rows * width, width);
    // The last column is the bias; rows cells .. 2 cells are the forget gate's.
    parameters_.segment(layer.at + rows * (width - 1), rows).setZero();
    parameters_.segment(layer.at + rows * (width - 1) + shape.cells, shape.cells).setOnes();
  }
  fill(first_at_, second_at_, shape.cells + shape.context);
  fill(second_at_, parameters_.size(), shape.hidden);
}

template <typename Scalar>
void Lstm<Scalar>::Forward(const LstmBatch<Scalar>& batch, Tape& tape) const {
  const std::size_t steps = batch.inputs.size();
  const Eigen::Index cells = shape_.cells;
  tape.layers.resize(layers_.size());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    typename Tape::OfLayer& of = tape.layers[l];
    const auto block = GateBlock(layers_[l]);
    of.input.resize(steps);
    of.gates.resize(steps);
    of.cell.assign(steps + 1, Matrix::Zero(cells, batch.samples()));
    of.state.assign(steps + 1, Matrix::Zero(cells, batch.samples()));
    for (std::size_t t = 0; t < steps; ++t) {
      Matrix& input = of.input[t];
      input.resize(block.cols(), batch.samples());
      input.topRows(layers_[l].inputs) = l == 0 ? batch.inputs[t] : tape.layers[l - 1].state[t + 1];
      input.middleRows(layers_[l].inputs, cells) = of.state[t];
      input.bottomRows(1).setOnes();
      Matrix& gates = of.gates[t];
      gates.noalias() = block * input;
      gates.topRows(3 * cells) = Sigmoid(gates.topRows(3 * cells).array());
      gates.bottomRows(cells) = gates.bottomRows(cells).array().tanh();
      of.cell[t + 1] = gates.middleRows(cells, cells).cwiseProduct(of.cell[t]) +
                       gates.topRows(cells).cwiseProduct(gates.bottomRows(cells));
      of.state[t + 1] = gates.middleRows(2 * cells, cells).array() * of.cell[t + 1].array().tanh();
      for (Eigen::Index s = 0; s < batch.samples(); ++s) {
        if (batch.known(static_cast<Eigen::Index>(t), s) != 0) continue;
        of.cell[t + 1].col(s) = of.cell[t].col(s);
        of.state[t + 1].col(s) = of.state[t].col(s);
      }
    }
  }
}

template <typename Scalar>
typename Lstm<Scalar>::Matrix Lstm<Scalar>::Speak(const LstmBatch<Scalar>& batch, const Tape& tape,
                                                  Head& head) const {
  const Matrix& state = tape.layers.back().state.back();
  head.input.resize(FirstBlock().cols(), batch.horizons() * batch.samples());
  for (Eigen::Index s = 0; s < batch.samples(); ++s) {
    head.input.block(0, s * batch.horizons(), shape_.cells, batch.horizons()).colwise() =
        state.col(s);
  }
  head.input.middleRows(shape_.cells, shape_.context) = batch.context;
  head.input.bottomRows(1).setOnes();
  head.hidden = Matrix::Ones(shape_.hidden + 1, head.input.cols());
  head.hidden.topRows(shape_.hidden) = (FirstBlock() * head.input).array().tanh();
  head.raw = SecondBlock() * head.hidden;
  Matrix quantiles = head.raw;
  for (Eigen::Index q = kMedianRow + 1; q < kLstmQuantiles; ++q) {
    quantiles.row(q) = quantiles.row(q - 1) + head.raw.row(q).unaryExpr(&Softplus<Scalar>);
  }
  for (Eigen::Index q = kMedianRow - 1; q >= 0; --q) {
    quantiles.row(q) = quantiles.row(q + 1) - head.raw.row(q).unaryExpr(&Softplus<Scalar>);
  }
  return quantiles;
}

template <typename Scalar>
typename Lstm<Scalar>::Matrix Lstm<Scalar>::Quantiles(const LstmBatch<Scalar>& batch) const {
  Tape tape;
  Head head;
  Forward(batch, tape);
  return Speak(batch, tape, head);
}

template <typename Scalar>
Scalar Lstm<Scalar>::Loss(const LstmBatch<Scalar>& batch) const {
  return PinballOf(batch, Quantiles(batch), static_cast<Matrix*>(nullptr));
}

template <typename Scalar>
Scalar Lstm<Scalar>::LossAndGradient(const LstmBatch<Scalar>& batch, Vector& gradient) const {
  Tape tape;
  Head head;
  Forward(batch, tape);
  const Matrix quantiles = Speak(batch, tape, head);
  Matrix by_quantile;
  const Scalar loss = PinballOf(batch, quantiles, &by_quantile);
  Backward(batch, tape, HeadBackward(head, by_quantile, batch.horizons(), gradient), gradient);
  return loss;
}

// From the nine numbers back to the last state of each sample.
template <typename Scalar>
typename Lstm<Scalar>::Matrix Lstm<Scalar>::HeadBackward(const Head& head,
                                                         const Matrix& by_quantile,
                                                         Eigen::Index horizons,
                                                         Vector& gradient) const {
  // A number outside the median moves its own quantile and all beyond it.
  Matrix by_raw(by_quantile.rows(), by_quantile.cols());
  by_raw.row(kMedianRow) = by_quantile.colwise().sum();
  for (Eigen::Index q = 0; q < kLstmQuantiles; ++q) {
    if (q == kMedianRow) continue;
    const auto slope = Sigmoid(head.raw.row(q).array());
    if (q > kMedianRow) {
      by_raw.row(q) = by_quantile.bottomRows(kLstmQuantiles - q).colwise().sum().array() * slope;
    } else {
      by_raw.row(q) = -by_quantile.topRows(q + 1).colwise().sum().array() * slope;
    }
  }
  const auto first = FirstBlock();
  const auto second = SecondBlock();
  Eigen::Map<Matrix>(gradient.data() + second_at_, second.rows(), second.cols()).noalias() +=
      by_raw * head.hidden.transpose();
  const auto hidden = head.hidden.topRows(shape_.hidden).array();
  Matrix by_hidden = second.leftCols(shape_.hidden).transpose() * by_raw;
  by_hidden.array() *= Scalar(1) - hidden.square();
  Eigen::Map<Matrix>(gradient.data() + first_at_, first.rows(), first.cols()).noalias() +=
      by_hidden * head.input.transpose();
  const Matrix by_input = first.leftCols(shape_.cells).transpose() * by_hidden;
  Matrix by_state(shape_.cells, horizons > 0 ? by_input.cols() / horizons : 0);
  for (Eigen::Index s = 0; s < by_state.cols(); ++s) {
    by_state.col(s) = by_input.middleCols(s * horizons, horizons).rowwise().sum();
  }
  return by_state;
}

template <typename Scalar>
void Lstm<Scalar>::Backward(const LstmBatch<Scalar>& batch, const Tape& tape,
                            const Matrix& last_state, Vector& gradient) const {
  const std::size_t steps = batch.inputs.size();
  const Eigen::Index cells = shape_.cells;
  // What the layer above asks of each step's state; of the top layer only the last.
  std::vector<Matrix> asked(steps + 1, Matrix::Zero(cells, batch.samples()));
  asked[steps] = last_state;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const typename Tape::OfLayer& of = tape.layers[l];
    const auto block = GateBlock(layers_[l]);
    Eigen::Map<Matrix> by_block(gradient.data() + layers_[l].at, block.rows(), block.cols());
    std::vector<Matrix> below(steps + 1, Matrix::Zero(cells, batch.samples()));
    Matrix by_state = Matrix::Zero(cells, batch.samples());
    Matrix by_cell = Matrix::Zero(cells, batch.samples());
    Matrix by_gates(4 * cells, batch.samples());
    for (std::size_t t = steps; t-- > 0;) {
      by_state += asked[t + 1];
      const auto i = of.gates[t].topRows(cells).array();
      const auto f = of.gates[t].middleRows(cells, cells).array();
      const auto o = of.gates[t].middleRows(2 * cells, cells).array();
      const auto g = of.gates[t].bottomRows(cells).array();
      const Matrix squashed = of.cell[t + 1].array().tanh();
      Matrix cell = by_cell.array() + by_state.array() * o * (1 - squashed.array().square());
      by_gates.topRows(cells) = cell.array() * g * i * (1 - i);
      by_gates.middleRows(cells, cells) = cell.array() * of.cell[t].array() * f * (1 - f);
      by_gates.middleRows(2 * cells, cells) = by_state.array() * squashed.array() * o * (1 - o);
      by_gates.bottomRows(cells) = cell.array() * i * (1 - g.square());
      cell.array() *= f;
      // A masked step handed its state on: nothing was read, everything goes further back.
      for (Eigen::Index s = 0; s < batch.samples(); ++s) {
        if (batch.known(static_cast<Eigen::Index>(t), s) == 0) by_gates.col(s).setZero();
      }
      by_block.noalias() += by_gates * of.input[t].transpose();
      const Matrix by_input = block.transpose() * by_gates;
      if (l > 0) below[t + 1] = by_input.topRows(cells);
      for (Eigen::Index s = 0; s < batch.samples(); ++s) {
        if (batch.known(static_cast<Eigen::Index>(t), s) == 0) continue;
        by_state.col(s) = by_input.col(s).segment(layers_[l].inputs, cells);
        by_cell.col(s) = cell.col(s);
      }
    }
    asked = std::move(below);
  }
}

template <typename Scalar>
std::string Lstm<Scalar>::Serialize() const {
  ByteWriter body;
  for (const int size :
       {shape_.inputs, shape_.context, shape_.cells, shape_.layers, shape_.hidden}) {
    body.Put(static_cast<std::int32_t>(size));
  }
  body.Put(static_cast<std::uint32_t>(sizeof(Scalar)));
  body.PutAll(
      std::span<const Scalar>(parameters_.data(), static_cast<std::size_t>(parameters_.size())));
  const std::string bytes = body.Take();
  ByteWriter head;
  head.Put(kMagic);
  head.Put(kVersion);
  head.Put(Checksum(bytes));
  return head.Take() + bytes;
}

template <typename Scalar>
Result<Lstm<Scalar>> Lstm<Scalar>::Parse(std::string_view bytes) {
  constexpr std::size_t kHeadBytes = 4 + 4 + 8;
  ByteReader head(bytes);
  if (head.Get<std::uint32_t>() != kMagic)
    return Error::GiveUp("not the weights of a network", "BadState");
  if (head.Get<std::uint32_t>() != kVersion)
    return Error::GiveUp("weights of another version", "OldState");
  const auto checksum = head.Get<std::uint64_t>();
  if (!head.good() || Checksum(bytes.substr(kHeadBytes)) != checksum) {
    return Error::GiveUp("weights are damaged: checksum", "BadState");
  }
  ByteReader body(bytes.substr(kHeadBytes));
  LstmShape shape;
  for (int* size : {&shape.inputs, &shape.context, &shape.cells, &shape.layers, &shape.hidden}) {
    *size = body.Get<std::int32_t>();
  }
  if (!body.good() || !IsLegal(shape) || body.Get<std::uint32_t>() != sizeof(Scalar)) {
    return Error::GiveUp("weights are damaged: shape", "BadState");
  }
  Lstm network(shape);
  std::span<Scalar> values(network.parameters_.data(),
                           static_cast<std::size_t>(network.parameters_.size()));
  body.GetAll(values);
  if (!body.good() || !body.AtEnd() || !network.parameters_.allFinite()) {
    return Error::GiveUp("weights are damaged: numbers", "BadState");
  }
  return network;
}

template class Lstm<float>;
template class Lstm<double>;

}  // namespace foreshard::forecast
