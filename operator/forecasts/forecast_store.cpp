#include "operator/forecasts/forecast_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "kube/base64.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/builders/annotations.h"

namespace foreshard::op {

namespace {

constexpr const char* kVersion = "1";
constexpr const char* kNetwork = "network";  // no shard is called so
constexpr std::chrono::seconds kWriteEvery{3'600};
constexpr model::BinIndex kBinsLeast = 12;
constexpr int kWritesPerPass = 20;
constexpr std::size_t kBytesMost = 700'000;  // in base64 still below what a ConfigMap may hold

std::string NameFor(const SetName& set, const std::string& of) {
  return fmt::format("{}-forecast-{}", set.name, of);
}

Value ObjectFor(const SetName& set, const std::string& of, Value data, const std::string& bytes) {
  Value map = KeptConfigMap(set, NameFor(set, of), kForecastLabel);
  map.Set("data", std::move(data));
  map.Set("binaryData", Value::Object({{"state", kube::EncodeBase64(bytes)}}));
  return map;
}

Value DataOf(const std::string& of, const SavedForecast& saved) {
  return Value::Object({{"version", kVersion},
                        {"of", of},
                        {"grid", saved.grid},
                        {"last", fmt::format("{}", saved.last)},
                        {"writeWeight", fmt::format("{}", saved.write_weight)},
                        {"level", fmt::format("{}", saved.level)}});
}

// Numbers travel as text in a ConfigMap; JSON reads them as well as anything.
double NumberIn(const Value& data, std::string_view field) {
  const Result<Value> number = ParseJson(data[field].Text());
  return number && number->is_number() ? number->Real() : 0;
}

model::BinIndex BinIn(const Value& data, std::string_view field) {
  const Result<Value> number = ParseJson(data[field].Text());
  return number ? number->Int(-1) : -1;
}

struct Found {
  std::string of;
  Value data;
  std::string bytes;
};

Result<Found> ReadObject(const std::string& json) {
  const Result<Value> object = ParseJson(json);
  if (!object) return object.error();
  Found found{.of = object->At("data.of").Text(), .data = (*object)["data"], .bytes = {}};
  const std::string version = found.data["version"].Text();
  if (version != kVersion) {
    return Error::GiveUp(
        fmt::format("its version is '{}', this program reads {}", version, kVersion));
  }
  if (found.of.empty()) return Error::GiveUp("data.of is missing");
  Result<std::string> bytes = kube::DecodeBase64(object->At("binaryData.state").Text());
  if (!bytes || bytes->empty()) return Error::GiveUp("binaryData.state is missing or damaged");
  found.bytes = *std::move(bytes);
  return found;
}

Status Adopt(Found found, SavedForecasts& saved) {
  const model::BinIndex last = BinIn(found.data, "last");
  if (last < 0) return Error::GiveUp("data.last is no bin");
  std::string grid = found.data["grid"].Text();
  if (found.of != kNetwork) {
    saved.shards[{found.of}] = {.grid = std::move(grid),
                                .last = last,
                                .write_weight = NumberIn(found.data, "writeWeight"),
                                .level = NumberIn(found.data, "level"),
                                .state = std::move(found.bytes)};
    return Ok();
  }
  Result<forecast::Shared> weights = forecast::Shared::Parse(found.bytes);
  if (!weights) return weights.error();
  saved.network = {.grid = std::move(grid),
                   .trained_at = last,
                   .weights = std::make_shared<const forecast::Shared>(*std::move(weights))};
  return Ok();
}

// Made by whoever led before us, or by us without hearing of it.
bool IsOurs(kube::KubeApi& kube, const kube::ObjectRef& ref, const SetName& set,
            Deadline deadline) {
  const auto object = kube.Get(kube::kConfigMaps, ref, deadline);
  if (!object || !*object) return false;
  const auto label = (*object)->metadata.labels.find(kForecastLabel);
  return label != (*object)->metadata.labels.end() && label->second == set.name;
}

model::BinIndex BinsBetween(std::chrono::seconds bin) {
  return std::max<model::BinIndex>(kBinsLeast, kWriteEvery / bin);
}

}  // namespace

SavedForecasts ForecastStore::Read(kube::KubeApi& kube, const SetName& set, Deadline deadline) {
  SavedForecasts saved;
  const Result<kube::ObjectList> list =
      kube.List(kube::kConfigMaps,
                {.name_space = set.name_space,
                 .label_selector = fmt::format("{}={}", kForecastLabel, set.name)},
                deadline);
  if (!list) {
    log::Warning(
        "forecast_not_read",
        {{"namespace", set.name_space}, {"set", set.name}, {"problem", list.error().message}});
    return saved;
  }
  for (const kube::Object& object : list->items) {
    ours_.insert(object.metadata.name);
    Result<Found> found = ReadObject(object.json);
    const Status good = found ? Adopt(*std::move(found), saved) : Status(found.error());
    if (good) continue;
    log::Warning("forecast_discarded", {{"namespace", set.name_space},
                                        {"object", object.metadata.name},
                                        {"problem", good.error().message}});
  }
  for (const auto& [shard, one] : saved.shards)
    kept_[shard.value] = {.tried_at = one.last, .last = one.last};
  if (saved.network.weights)
    kept_[kNetwork] = {.tried_at = saved.network.trained_at, .last = saved.network.trained_at};
  return saved;
}

// True when it stands there. A name that is taken by an object without our label stays taken.
bool ForecastStore::WriteOne(kube::KubeApi& kube, const SetName& set, const std::string& name,
                             const std::string& json, Deadline deadline) {
  const kube::ObjectRef ref{set.name_space, name};
  Result<kube::Object> written = Error::Retry("not written");
  if (ours_.contains(name)) {
    written = kube.Patch(kube::kConfigMaps, ref, json, {}, deadline);
    if (!written) ours_.erase(name);  // somebody may have removed it: next time it is made anew
  } else {
    written = kube.Create(kube::kConfigMaps, ref, json, deadline);
    if (!written && IsOurs(kube, ref, set, deadline))
      written = kube.Patch(kube::kConfigMaps, ref, json, {}, deadline);
  }
  if (written) {
    ours_.insert(name);
    return true;
  }
  log::Warning(
      "forecast_not_saved",
      {{"namespace", set.name_space}, {"object", name}, {"problem", written.error().message}});
  return false;
}

void ForecastStore::RemoveGone(kube::KubeApi& kube, const SetName& set, const LoadBook& book,
                               Deadline deadline) {
  std::set<std::string> wanted = {NameFor(set, kNetwork)};
  for (const auto& [shard, load] : book.loads()) wanted.insert(NameFor(set, shard.value));
  std::vector<std::string> gone;
  std::ranges::set_difference(ours_, wanted, std::back_inserter(gone));
  for (const std::string& name : gone) {
    if (kube.Delete(kube::kConfigMaps, {set.name_space, name}, {}, deadline)) ours_.erase(name);
  }
  std::erase_if(kept_, [&book](const auto& entry) {
    return entry.first != kNetwork && !book.loads().contains({entry.first});
  });
}

void ForecastStore::Keep(kube::KubeApi& kube, const SetName& set, const LoadBook& book,
                         model::BinIndex now, Deadline deadline) {
  if (book.loads().empty()) return;
  const model::BinIndex between = BinsBetween(book.options().bin);
  int writes = 0;
  // Whether it is time; counts from the first look, so that a young set is left alone for an hour.
  const auto due = [this, now, between, &writes](const std::string& of) {
    Kept& kept = kept_.try_emplace(of, Kept{.tried_at = now, .last = -1}).first->second;
    if (now - kept.tried_at < between || writes >= kWritesPerPass) return false;
    kept.tried_at = now;
    return true;
  };
  const auto write = [&](const std::string& of, const Value& object, model::BinIndex last) {
    ++writes;
    if (WriteOne(kube, set, NameFor(set, of), ToJson(object), deadline)) kept_.at(of).last = last;
  };
  for (const auto& [shard, load] : book.loads()) {
    if (!due(shard.value)) continue;
    const std::optional<SavedForecast> saved = book.Save(shard);
    if (!saved || saved->last <= kept_.at(shard.value).last || saved->state.size() > kBytesMost)
      continue;
    write(shard.value, ObjectFor(set, shard.value, DataOf(shard.value, *saved), saved->state),
          saved->last);
  }
  const SavedNetwork& network = book.network();
  if (network.weights && due(kNetwork) && network.trained_at > kept_.at(kNetwork).last) {
    const std::string bytes = network.weights->Serialize();
    const SavedForecast head = {.grid = network.grid, .last = network.trained_at, .state = {}};
    if (bytes.size() <= kBytesMost)
      write(kNetwork, ObjectFor(set, kNetwork, DataOf(kNetwork, head), bytes), network.trained_at);
  }
  RemoveGone(kube, set, book, deadline);
}

}  // namespace foreshard::op
