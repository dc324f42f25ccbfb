#pragma once

#include "model/plan.h"
#include "operator/controllers/scaling_observe.h"
#include "planner/problem.h"

namespace foreshard::op {

// The fields of status that the scaling controller owns: the plan, per shard load and peak,
// conditions MetricsFresh, ForecastTrusted, PlanBlocked. Rounded so that an unchanged picture is an
// unchanged text.
model::ShardSetStatus ScalingStatus(const ScalingObservation& seen, const planner::Problem& problem,
                                    const model::Plan& plan);

// Whether it is worth a write: the plan's decision or steps, a condition, or a load that moved by
// five points.
bool IsNews(const model::ShardSetStatus& before, const model::ShardSetStatus& now);

}  // namespace foreshard::op
