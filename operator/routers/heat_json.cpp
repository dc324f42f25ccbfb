#include "operator/routers/heat_json.h"

#include <algorithm>

#include "operator/api/value.h"

namespace foreshard::op {

namespace {

constexpr std::size_t kHotKeysMax = 20;

void ReadSamples(const Value& item, RangeHeat& heat) {
  for (const Value& sample : item["samples"].Items()) {
    const Value::List& keys = sample["keys"].Items();
    if (keys.empty()) continue;
    const double weight = sample["totalWeight"].Real() / static_cast<double>(keys.size());
    for (const Value& key : keys) heat.samples.push_back({.key = key.Text(), .weight = weight});
  }
}

}  // namespace

Result<std::vector<RangeHeat>> ParseHeat(std::string_view body, const model::KeySpace& space) {
  const Result<Value> answer = ParseJson(body);
  if (!answer) return answer.error();
  if (!(*answer)["ranges"].is_list()) return Error::GiveUp("heat: ranges is missing");
  std::vector<RangeHeat> all;
  for (const Value& item : (*answer)["ranges"].Items()) {
    RangeHeat heat;
    heat.range = {.from = item["from"].Text(), .to = item["to"].Text()};
    heat.shard = {item["shard"].Text()};
    heat.backend_seconds = item["backendNanos"].Real() / 1e9;
    ReadSamples(item, heat);
    all.push_back(std::move(heat));
  }
  for (const Value& item : (*answer)["keys"].Items()) {
    // What is surely there: the count may be too high by the error.
    const double nanos = item["count"].Real() - item["error"].Real();
    const std::string key = item["key"].Text();
    for (RangeHeat& heat : all) {
      if (nanos > 0 && model::ContainsKey(space, heat.range, key) &&
          heat.hot_keys.size() < kHotKeysMax) {
        heat.hot_keys.push_back({.key = key, .weight = nanos / 1e9});
      }
    }
  }
  return all;
}

void MergeHeat(std::vector<RangeHeat>& into, std::vector<RangeHeat> other) {
  for (RangeHeat& heat : other) {
    const auto same = std::find_if(into.begin(), into.end(), [&heat](const RangeHeat& known) {
      return known.range == heat.range && known.shard == heat.shard;
    });
    if (same == into.end()) {
      into.push_back(std::move(heat));
      continue;
    }
    same->backend_seconds += heat.backend_seconds;
    same->samples.insert(same->samples.end(), heat.samples.begin(), heat.samples.end());
    for (HeatKey& hot : heat.hot_keys) {
      const auto known = std::find_if(same->hot_keys.begin(), same->hot_keys.end(),
                                      [&hot](const HeatKey& key) { return key.key == hot.key; });
      if (known == same->hot_keys.end()) {
        same->hot_keys.push_back(std::move(hot));
      } else {
        known->weight += hot.weight;
      }
    }
  }
}

}  // namespace foreshard::op
