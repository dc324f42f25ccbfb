#include "migration/spec.h"

#include <algorithm>

namespace foreshard::migration {

const char* ToString(MigrationType type) {
  switch (type) {
    case MigrationType::kSplit:
      return "Split";
    case MigrationType::kMove:
      return "Move";
    case MigrationType::kMerge:
      return "Merge";
    case MigrationType::kIsolate:
      return "Isolate";
    case MigrationType::kMoveKeys:
      return "MoveKeys";
  }
  Unreachable(type);
}

const char* ToString(Side side) {
  switch (side) {
    case Side::kSource:
      return "source";
    case Side::kDestination:
      return "destination";
  }
  Unreachable(side);
}

std::string PublicationName(model::MigrationNumber number) {
  return fmt::format("foreshard_{}", number);
}

std::string StreamName(model::MigrationNumber number, const model::ShardId& publisher) {
  std::string id = publisher.value;
  std::replace(id.begin(), id.end(), '-', '_');  // slot names have no dash
  return fmt::format("foreshard_{}_{}", number, id);
}

std::string RangeId(model::MigrationNumber number) { return fmt::format("migration-{}", number); }

std::string TriggerName(model::MigrationNumber number, const std::string& suffix) {
  return fmt::format("zzz_foreshard_{}_{}", number, suffix);
}

const model::ShardId& ShardOf(const MigrationSpec& spec, Side side) {
  return side == Side::kSource ? spec.source : spec.destination;
}

const model::ShardId& PeerOf(const MigrationSpec& spec, Side side) {
  return side == Side::kSource ? spec.destination : spec.source;
}

}  // namespace foreshard::migration
