#include "operator/records/move_record_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "kube/kinds.h"

namespace foreshard::op {
namespace {

constexpr const char* kVersion = "1";
constexpr std::size_t kBytesMost = 900'000;  // a ConfigMap may hold 1 MiB

void Complain(const SetName& set, const char* event, const std::string& problem) {
  log::Warning(
      event,
      {{"namespace", set.name_space}, {"object", MovesNameOf(set.name)}, {"problem", problem}});
}

// What is damaged is dropped: a cache that a program cannot read helps nobody.
std::vector<MoveRecord> Parse(const SetName& set, const std::string& json) {
  std::vector<MoveRecord> records;
  const Result<Value> object = ParseJson(json);
  if (!object) return records;
  const std::string version = object->At("data.version").Text();
  const Result<Value> list = ParseJson(object->At("data.records").Text());
  if (version != kVersion || !list) {
    Complain(set, "move_records_discarded",
             version != kVersion
                 ? fmt::format("its version is '{}', this program reads {}", version, kVersion)
                 : list.error().message);
    return records;
  }
  for (const Value& item : list->Items()) {
    Result<MoveRecord> record = ReadMoveRecord(item);
    if (record) records.push_back(*std::move(record));
  }
  return records;
}

// The newest that fit.
std::string TextOf(std::vector<MoveRecord>& records) {
  if (records.size() > kMovesMost)
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(kMovesMost));
  while (true) {
    Value list = Value::Array();
    for (const MoveRecord& record : records) list.Add(MoveRecordJson(record));
    std::string text = ToJson(list);
    if (text.size() <= kBytesMost) return text;
    records.erase(records.begin(),
                  records.begin() + static_cast<std::ptrdiff_t>(records.size() / 10 + 1));
  }
}

bool IsOurs(const SetName& set, const kube::Object& object) {
  const auto label = object.metadata.labels.find(kMovesLabel);
  return label != object.metadata.labels.end() && label->second == set.name;
}

// What will not pass by itself is told and left.
Status Judged(const SetName& set, const Error& error) {
  if (error.kind != Error::Kind::kGiveUp) return error;
  Complain(set, "move_record_not_kept", error.message);
  return Ok();
}

}  // namespace

std::string MovesNameOf(const std::string& set) { return set + "-moves"; }

Status KeepMoveRecord(kube::KubeApi& kube, const SetName& set, const MoveRecord& record,
                      Deadline deadline) {
  const kube::ObjectRef ref{set.name_space, MovesNameOf(set.name)};
  const auto there = kube.Get(kube::kConfigMaps, ref, deadline);
  if (!there) return Judged(set, there.error());
  if (*there && !IsOurs(set, **there)) {
    return Judged(set, Error::GiveUp("an object of this name is there and is not ours"));
  }
  std::vector<MoveRecord> records;
  if (*there) records = Parse(set, (*there)->json);
  const auto same = std::find_if(records.begin(), records.end(),
                                 [&](const MoveRecord& one) { return one.uid == record.uid; });
  if (same == records.end()) {
    records.push_back(record);
  } else {
    if (*same == record) return Ok();
    *same = record;
  }
  Value map = KeptConfigMap(set, ref.name, kMovesLabel);
  map.Set("data", Value::Object({{"version", kVersion}, {"records", TextOf(records)}}));
  Result<kube::Object> written = Error::Retry("not written");
  if (*there) {
    map.Member("metadata").Set("resourceVersion", (*there)->metadata.resource_version);
    written = kube.Patch(kube::kConfigMaps, ref, ToJson(map), {}, deadline);
  } else {
    written = kube.Create(kube::kConfigMaps, ref, ToJson(map), deadline);
    // Somebody was faster: it is read and added to.
    if (!written && written.error().code == "409") return Error::Reobserve(written.error().message);
  }
  if (!written) return Judged(set, written.error());
  return Ok();
}

void MoveRecordReader::Read(kube::KubeApi& kube, const SetName& set,
                            std::vector<MoveRecord>& records, Deadline deadline) {
  const auto there = kube.Get(kube::kConfigMaps, {set.name_space, MovesNameOf(set.name)}, deadline);
  if (!there) {
    Complain(set, "move_records_not_read", there.error().message);
    return;
  }
  if (!*there || !IsOurs(set, **there)) {
    records.clear();
    version_.clear();
    return;
  }
  const std::string& version = (*there)->metadata.resource_version;
  if (version == version_) return;
  records = Parse(set, (*there)->json);
  version_ = version;
}

}  // namespace foreshard::op
