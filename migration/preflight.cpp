#include "migration/preflight.h"

#include <fmt/format.h>

#include <cmath>

#include "migration/preflight_sql.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

constexpr double kCopyBytesPerSecond = 16.0 * 1024 * 1024;
constexpr double kFixedSeconds = 30;  // slot, settling lag, digests' round trips, cutover

Result<std::optional<Refusal>> CheckTables(pg::Connection& connection, const Work& work,
                                           const std::vector<TableInfo>& tables, Side side) {
  for (const TableInfo& table : tables) {
    Check seen = CheckTable(connection, work, table, side);
    if (!seen || seen->has_value()) return seen;
  }
  return std::optional<Refusal>();
}

PreflightResult Refused(const Refusal& refusal) {
  PreflightResult result;
  result.reason = refusal.reason;
  result.message = refusal.message;
  return result;
}

Check CheckSource(pg::Connection& source, const Work& work, const std::vector<TableInfo>& tables,
                  const Estimate& estimate) {
  if (Check seen = CheckServer(source, work, Side::kSource); !seen || seen->has_value())
    return seen;
  if (Check seen = CheckPartitions(source, work, Side::kSource); !seen || seen->has_value())
    return seen;
  if (Check seen = CheckTables(source, work, tables, Side::kSource); !seen || seen->has_value())
    return seen;
  if (Check seen = CheckTransactions(source, work); !seen || seen->has_value()) return seen;
  return CheckFuse(source, work, estimate.bytes);
}

Check CheckTheOther(pg::Connection& source, const Work& work, const Estimate& estimate) {
  auto connected = work.Connect(Side::kDestination);
  if (!connected) return connected.error();
  pg::Connection& destination = **connected;
  if (Check seen = CheckServer(destination, work, Side::kDestination); !seen || seen->has_value())
    return seen;
  if (!work.spec().new_destination) {
    if (Check seen = CheckDestination(source, destination, work); !seen || seen->has_value())
      return seen;
    // Equal definitions say nothing about who writes there: another subscription, for example.
    const Result<std::vector<TableInfo>> there =
        ReadTables(destination, work.spec(), work.In(kCall));
    if (!there) return there.error();
    if (Check seen = CheckPartitions(destination, work, Side::kDestination);
        !seen || seen->has_value())
      return seen;
    Check seen = CheckTables(destination, work, *there, Side::kDestination);
    if (!seen || seen->has_value()) return seen;
  }
  return CheckDisk(destination, work, estimate.bytes);
}

Check CheckBoth(pg::Connection& source, const Work& work, const std::vector<TableInfo>& tables,
                const Estimate& estimate) {
  Check seen = CheckSource(source, work, tables, estimate);
  if (!seen || seen->has_value() || !HasDestination(work.spec())) return seen;
  return CheckTheOther(source, work, estimate);
}

}  // namespace

bool HasDestination(const MigrationSpec& spec) { return !spec.dry_run || !spec.new_destination; }

double MovingFraction(const MigrationSpec& spec) {
  if (!spec.keys.empty() || spec.key_space.strategy != model::Strategy::kHash) return 1;  // at most
  const auto position = [](const std::string& bound, double open) {
    if (bound.empty()) return open;
    return std::ldexp(static_cast<double>(*model::ParsePosition(bound)), -64);
  };
  return position(spec.range.to, 1) - position(spec.range.from, 0);
}

Estimate EstimateMove(const MigrationSpec& spec, const std::vector<TableInfo>& tables) {
  Estimate estimate;
  for (const TableInfo& table : tables) {
    const double fraction = table.column.empty() ? 1 : MovingFraction(spec);
    estimate.rows += static_cast<std::int64_t>(table.rows * fraction);
    estimate.bytes += static_cast<std::int64_t>(static_cast<double>(table.bytes) * fraction);
  }
  return estimate;
}

Result<PreflightResult> Preflight(const Work& work) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  const Result<std::vector<TableInfo>> tables = ReadTables(**source, work.spec(), work.In(kCall));
  if (!tables && tables.error().reason == "TableMissing")
    return Refused({tables.error().reason, tables.error().message});
  if (!tables) return tables.error();
  const Estimate estimate = EstimateMove(work.spec(), *tables);
  const Result<std::optional<Refusal>> refusal = CheckBoth(**source, work, *tables, estimate);
  if (!refusal) return refusal.error();
  PreflightResult result;
  if (refusal->has_value()) result = Refused(**refusal);
  result.passed = !refusal->has_value();
  result.rows = estimate.rows;
  result.bytes = estimate.bytes;
  const double seconds = kFixedSeconds + static_cast<double>(estimate.bytes) / kCopyBytesPerSecond;
  result.duration_seconds = static_cast<std::int64_t>(seconds);
  result.p80_duration_seconds = static_cast<std::int64_t>(seconds * 1.5);
  return result;
}

}  // namespace foreshard::migration
