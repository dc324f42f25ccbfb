#include "operator/api/conditions.h"

#include <algorithm>

namespace foreshard::op {

std::vector<model::Condition> ParseConditions(const Value& list) {
  std::vector<model::Condition> conditions;
  for (const Value& item : list.Items()) {
    conditions.push_back({.type = item["type"].Text(),
                          .status = item["status"].Text(),
                          .reason = item["reason"].Text(),
                          .message = item["message"].Text(),
                          .observed_generation = item["observedGeneration"].Int(),
                          .last_transition_time = item["lastTransitionTime"].Text()});
  }
  return conditions;
}

Value ConditionJson(const model::Condition& condition) {
  return Value::Object({{"type", condition.type},
                        {"status", condition.status},
                        {"reason", condition.reason},
                        {"message", condition.message},
                        {"observedGeneration", condition.observed_generation},
                        {"lastTransitionTime", condition.last_transition_time}});
}

Value ConditionsJson(const std::vector<model::Condition>& conditions) {
  Value::List list;
  for (const model::Condition& condition : conditions) list.push_back(ConditionJson(condition));
  return Value(std::move(list));
}

const model::Condition* FindCondition(const std::vector<model::Condition>& conditions,
                                      std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &model::Condition::type);
  return found != conditions.end() ? &*found : nullptr;
}

bool IsTrue(const std::vector<model::Condition>& conditions, std::string_view type) {
  const model::Condition* condition = FindCondition(conditions, type);
  return condition != nullptr && condition->status == "True";
}

void SetCondition(std::vector<model::Condition>& conditions, model::Condition condition,
                  WallTime now) {
  const auto found = std::ranges::find(conditions, condition.type, &model::Condition::type);
  if (found == conditions.end()) {
    condition.last_transition_time = FormatRfc3339(now);
    const auto place =
        std::ranges::upper_bound(conditions, condition.type, {}, &model::Condition::type);
    conditions.insert(place, std::move(condition));
    return;
  }
  condition.last_transition_time =
      found->status == condition.status && !found->last_transition_time.empty()
          ? found->last_transition_time
          : FormatRfc3339(now);
  *found = std::move(condition);
}

}  // namespace foreshard::op
