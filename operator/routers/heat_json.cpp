#include "operator/routers/heat_json.h"

#include <algorithm>

#include "operator/api/value.h"

namespace foreshard::op {

namespace {

constexpr std::size_t kHotKeysMax = 20;

// A broken router may answer anything. What is no key or bound of this space is left out: it would
// break the promise of canonical text that all who look at heat rely on.
bool IsBound(const model::KeySpace& space, const std::string& text) {
  if (text.empty()) return true;
  const Result<std::string> canonical = model::CanonicalBound(space, text);
  return canonical && *canonical == text;
}

bool IsKey(const model::KeySpace& space, const std::string& text) {
  const Result<std::string> canonical = model::CanonicalKey(space.key_type, text);
  return canonical && *canonical == text;
}

void ReadSamples(const Value& item, const model::KeySpace& space, RangeHeat& heat) {
  for (const Value& sample : item["samples"].Items()) {
    const Value::List& keys = sample["keys"].Items();
    if (keys.empty()) continue;
    const double weight = sample["totalWeight"].Real() / static_cast<double>(keys.size());
    for (const Value& key : keys) {
      if (IsKey(space, key.Text())) heat.samples.push_back({.key = key.Text(), .weight = weight});
    }
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
    if (!IsBound(space, heat.range.from) || !IsBound(space, heat.range.to)) continue;
    heat.shard = {item["shard"].Text()};
    heat.backend_seconds = item["backendNanos"].Real() / 1e9;
    ReadSamples(item, space, heat);
    all.push_back(std::move(heat));
  }
  for (const Value& item : (*answer)["keys"].Items()) {
    // What is surely there: the count may be too high by the error.
    const double nanos = item["count"].Real() - item["error"].Real();
    const std::string key = item["key"].Text();
    if (!IsKey(space, key)) continue;
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
