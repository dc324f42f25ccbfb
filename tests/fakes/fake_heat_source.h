#pragma once

#include <utility>

#include "operator/routers/heat_source.h"

// Heat as a test wants it. Does not imitate: sampling, merging, routers that do not answer.

namespace foreshard::fakes {

class FakeHeatSource final : public op::HeatSource {
 public:
  void Set(std::vector<op::RangeHeat> heat) { heat_ = std::move(heat); }
  Result<std::vector<op::RangeHeat>> ReadHeat(const std::string&, const std::string&,
                                              const model::KeySpace&, Deadline) override {
    return heat_;
  }

 private:
  std::vector<op::RangeHeat> heat_;
};

}  // namespace foreshard::fakes
