#include "migration/audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/predicate.h"

namespace foreshard::migration {

namespace {

MigrationSpec SpecOf(const model::RoutingTable& table) {
  MigrationSpec spec;
  spec.key_space = table.key_space;
  return spec;
}

std::string RangeTerm(const model::RoutingTable& table, const model::KeyRange& range,
                      std::string_view column) {
  MigrationSpec spec = SpecOf(table);
  spec.range = range;
  for (const model::Pin& pin : table.pins) {
    if (model::ContainsKey(table.key_space, range, pin.key)) spec.excluded_keys.push_back(pin.key);
  }
  return PredicateSql(spec, column);
}

std::string KeysTerm(const model::RoutingTable& table, const std::vector<std::string>& keys,
                     std::string_view column) {
  MigrationSpec spec = SpecOf(table);
  spec.keys = keys;
  return PredicateSql(spec, column);
}

}  // namespace

std::string StraySql(const model::RoutingTable& table, const model::ShardId& shard,
                     std::string_view column) {
  std::vector<std::string> fine;
  for (const model::KeyRange& range : model::RangesOf(table, shard)) {
    fine.push_back(RangeTerm(table, range, column));
  }
  std::vector<std::string> pinned;
  for (const model::Pin& pin : table.pins) {
    if (pin.shard == shard) pinned.push_back(pin.key);
  }
  if (!pinned.empty()) fine.push_back(KeysTerm(table, pinned, column));
  for (const model::Moving& moving : table.moving) {
    fine.push_back(moving.keys.empty() ? RangeTerm(table, moving.range, column)
                                       : KeysTerm(table, moving.keys, column));
  }
  if (fine.empty()) return "true";
  return fmt::format("NOT (({}))", fmt::join(fine, ") OR ("));
}

Agreement Compare(const ReferenceDigests& before, const ReferenceDigests& now) {
  const bool same = std::all_of(now.begin(), now.end(), [&](const auto& entry) {
    return entry.second == now.begin()->second;
  });
  if (same) return Agreement::kSame;
  return before == now ? Agreement::kDiffer : Agreement::kLookAgain;
}

std::int64_t AuditResult::stray_rows() const {
  std::int64_t rows = 0;
  for (const Stray& stray : strays) rows += stray.rows;
  return rows;
}

bool SameOwners(const model::RoutingTable& before, const model::RoutingTable& after) {
  return before.epoch == after.epoch && before.ranges == after.ranges &&
         before.pins == after.pins && before.moving == after.moving;
}

std::string ToText(const AuditResult& result) {
  std::string text;
  for (const Stray& stray : result.strays) {
    text += fmt::format("{}: {} rows of {} belong elsewhere; keys: {}\n", stray.shard, stray.rows,
                        stray.table, fmt::join(stray.keys, ", "));
  }
  for (const Diverged& diverged : result.diverged) {
    text += fmt::format("{} differs:", diverged.table);
    for (const auto& [shard, digest] : diverged.digests) {
      text += fmt::format(" {} {} rows ({})", shard, digest.rows, digest.digest);
    }
    text += '\n';
  }
  return text;
}

// FNV-1a: nobody has to be kept from finding another text with the same number.
std::string Fingerprint(const AuditResult& result) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char byte : ToText(result)) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace foreshard::migration
