#pragma once

#include <array>
#include <cstddef>

#include "forecast/bytes.h"
#include "forecast/fine/models.h"

// Combine, never select: w_k ~ (min L / L_k)^4, L_k the exponentially forgetting absolute error of
// model k, per horizon.
//
//   L_k <- L_k 2^(-1/half-life) + |y - f_k|, only with errors that have matured
//
// Shrunk to equal weights while few forecasts were scored. No allocation, 10 ns a model.

namespace foreshard::forecast {

struct CombinationOptions {
  double power = 4;
  double keep = 1;           // 2^(-1 / half-life in bins)
  double settled_after = 1;  // scored forecasts until the weights are wholly the data's
  bool select_best = false;
  bool equal = false;
};

class Combination {
 public:
  void Learn(const ModelRow& forecasts, double y, double keep);
  ModelRow Weights(const std::array<bool, kFineModels>& eligible,
                   const CombinationOptions& options) const;

  double scored() const { return scored_; }
  double error(std::size_t model) const {
    return total_ > 0 ? loss_[model] / total_ : 0;
  }  // mean absolute, recent
  void Blend(const Combination& other, double share, double scale);

  void Save(ByteWriter& out) const;
  void Load(ByteReader& in);

 private:
  ModelRow loss_{};
  double total_ = 0;  // the same forgetting sum of ones
  double scored_ = 0;
};

double Dot(const ModelRow& weights, const ModelRow& forecasts);

}  // namespace foreshard::forecast
