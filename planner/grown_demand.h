#pragma once

#include <vector>

#include "planner/what_if.h"

namespace foreshard::planner {

// What clients ask of each shard of the present fleet, in any bin and path. A path is the
// forecast's own error around its median; where no forecast reaches, the usual load is the median.
class GrownDemand {
 public:
  static constexpr std::size_t kPaths = 64;

  // All three must outlive it.
  GrownDemand(const Problem& problem, const UsualLoad& usual, const Growth& growth);

  std::size_t steps() const { return steps_; }  // of the forecast

  // Median utilisation by clients; with the growth where `grown`.
  double Median(std::size_t shard, model::BinIndex bin, bool grown = true) const;
  // As a plan sees it that is made `lead` bins before; 0 is what is measured.
  double At(std::size_t shard, model::BinIndex bin, std::size_t lead, std::size_t path,
            bool grown = true) const;
  // What a path has to the median, `lead` bins ahead.
  double Ratio(std::size_t shard, std::size_t lead, std::size_t path) const;

 private:
  double Usual(const Shard& shard, model::BinIndex bin) const;
  std::vector<double> RatiosOf(const Shard& shard) const;

  const Problem& problem_;
  const UsualLoad& usual_;
  const Growth& growth_;
  std::size_t steps_ = 0;
  std::vector<std::vector<double>> ratios_;  // by shard: [step * kPaths + path]
  std::vector<bool> grows_;
};

}  // namespace foreshard::planner
