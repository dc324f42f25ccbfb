#pragma once

#include <string_view>
#include <vector>

#include "model/key_space.h"
#include "operator/routers/heat_source.h"

namespace foreshard::op {

// The answer of one router to GET /v1/heat (docs/router-control.md). Errors: kGiveUp saying what is
// missing.
Result<std::vector<RangeHeat>> ParseHeat(std::string_view body, const model::KeySpace& space);

// Heat of the same range from several routers: backend times add up, samples and hot keys are put
// together (their weights already stand for backend time, so no router counts more than it did).
void MergeHeat(std::vector<RangeHeat>& into, std::vector<RangeHeat> other);

}  // namespace foreshard::op
