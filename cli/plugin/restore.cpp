#include "cli/plugin/restore.h"

#include <fmt/format.h>

#include <algorithm>

namespace foreshard::plugin {
namespace {

std::string NameOf(const backup::Point& point) {
  return backup::PointName(point.state.set_uid, point.number);
}

std::vector<const backup::Point*> NewestFirst(const std::vector<backup::Point>& points) {
  std::vector<const backup::Point*> sorted;
  for (const backup::Point& point : points) sorted.push_back(&point);
  std::ranges::stable_sort(sorted, [](const backup::Point* a, const backup::Point* b) {
    return a->made_at > b->made_at;
  });
  return sorted;
}

}  // namespace

std::string PointsText(const std::string& from, const std::vector<backup::Point>& points) {
  if (points.empty()) return fmt::format("{} has no point to restore to\n", from);
  std::string text = fmt::format("{:<22} {:>7} {:>7} {:>7}  {}\n", "TIME", "NUMBER", "SHARDS",
                                 "EPOCH", "NAME");
  for (const backup::Point* point : NewestFirst(points)) {
    text += fmt::format("{:<22} {:>7} {:>7} {:>7}  {}\n", FormatRfc3339(point->made_at),
                        point->number.value, point->shards.size(), point->state.epoch.value,
                        NameOf(*point));
  }
  return text;
}

std::string PointsJson(const std::vector<backup::Point>& points) {
  op::Value list = op::Value::Array();
  for (const backup::Point* point : NewestFirst(points)) {
    op::Value shards = op::Value::Array();
    for (const backup::ShardPoint& shard : point->shards) shards.Add(shard.shard.value);
    list.Add(op::Value::Object({{"name", NameOf(*point)},
                                {"number", point->number.value},
                                {"time", FormatRfc3339Micros(point->made_at)},
                                {"epoch", point->state.epoch.value},
                                {"shards", std::move(shards)}}));
  }
  return op::ToPrettyJson(list);
}

std::string RestorePlan(const std::string& name, const std::string& from,
                        const backup::Point& point) {
  std::string shards;
  for (const backup::ShardPoint& shard : point.shards)
    shards += fmt::format("{}{}", shards.empty() ? "" : ", ", shard.shard);
  return fmt::format(
      "a new ShardSet {} begins as {} was at {} of {}: {} shards ({}), routing table of epoch {}\n"
      "{} itself is not touched\n",
      name, from, NameOf(point), FormatRfc3339(point.made_at), point.shards.size(), shards,
      point.state.epoch.value, from);
}

Result<op::Value> RestoredSet(const op::Value& other, const std::string& name,
                              const backup::Point& point) {
  const op::Value& metadata = other["metadata"];
  op::Value spec = other["spec"];
  const op::Value backup = spec["backup"];
  if (!backup.is_object()) {
    return Error::GiveUp(
        fmt::format("{} has no spec.backup, which says where its backups are",
                    metadata["name"].Text()),
        "NoBackup");
  }
  op::Value from = op::Value::Object({{"set", metadata["name"].Text()},
                                      {"point", NameOf(point)},
                                      {"repository", backup["repository"]}});
  if (!backup["encryptionSecretName"].is_null())
    from.Set("encryptionSecretName", backup["encryptionSecretName"]);
  // Two sets in one place would mix their WAL; without a path each has one of its own.
  if (spec.At("backup.repository.s3").is_object())
    spec.Member("backup").Member("repository").Member("s3").Remove("path");
  spec.Set("restoreFrom", std::move(from));
  return op::Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardSet"},
       {"metadata", op::Value::Object({{"name", name}, {"namespace", metadata["namespace"].Text()}})},
       {"spec", std::move(spec)}});
}

}  // namespace foreshard::plugin
