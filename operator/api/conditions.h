#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "model/shard_set.h"
#include "operator/api/value.h"

namespace foreshard::op {

std::vector<model::Condition> ParseConditions(const Value& list);
Value ConditionJson(const model::Condition& condition);
Value ConditionsJson(const std::vector<model::Condition>& conditions);

// Null where there is none of that type.
const model::Condition* FindCondition(const std::vector<model::Condition>& conditions,
                                      std::string_view type);
bool IsTrue(const std::vector<model::Condition>& conditions, std::string_view type);

// Puts `condition` in the place of its type. The time of transition is `now` if the status changed,
// else it stays. A new one goes
// to its place by type.
void SetCondition(std::vector<model::Condition>& conditions, model::Condition condition,
                  WallTime now);

}  // namespace foreshard::op
