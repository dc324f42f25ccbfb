#include "operator/status/key_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/status/html.h"

namespace foreshard::op {
namespace {

constexpr int kColours = 8;
constexpr std::size_t kPartsMax = 96;              // thinner ones cannot be seen
constexpr double kWhole = 18446744073709551616.0;  // 2^64

struct Part {
  model::KeyRange range;
  model::ShardId shard;
  double share = 1;  // percent
  std::size_t ranges = 1;
};

double PositionOf(const std::string& bound, double if_empty) {
  if (bound.empty()) return if_empty;
  const Result<model::Position> position = model::ParsePosition(bound);
  return position ? static_cast<double>(*position) : if_empty;
}

std::vector<Part> PartsOf(const model::RoutingTable& table) {
  std::vector<Part> parts;
  for (const model::OwnedRange& owned : table.ranges) {
    double share = 100.0 / static_cast<double>(table.ranges.size());
    if (table.key_space.strategy == model::Strategy::kHash)
      share = 100 * (PositionOf(owned.range.to, kWhole) - PositionOf(owned.range.from, 0)) / kWhole;
    if (!parts.empty() && parts.back().shard == owned.shard) {
      parts.back().range.to = owned.range.to;
      parts.back().share += share;
      ++parts.back().ranges;
      continue;
    }
    parts.push_back({owned.range, owned.shard, share});
  }
  return parts;
}

// Of its `moving` entries those with a range; single keys have no width.
bool IsMoving(const model::RoutingTable& table, const Part& part) {
  return std::ranges::any_of(table.moving, [&](const model::Moving& moving) {
    if (!moving.keys.empty()) return false;
    const auto below = [&](const std::string& from, const std::string& to) {
      return from.empty() || to.empty() || model::CompareBounds(table.key_space, from, to) < 0;
    };
    return below(moving.range.from, part.range.to) && below(part.range.from, moving.range.to);
  });
}

std::string PartHtml(const model::RoutingTable& table, const Part& part, int colour) {
  const bool moving = IsMoving(table, part);
  return fmt::format(
      "<li class=\"part s{0}{1}\" style=\"flex-grow:{2:.3f}\" title=\"{3} {4}{5}\">"
      "<b>{3}</b> <span>{4}</span></li>",
      colour, moving ? " moving" : "", std::max(part.share, 0.2), Escape(part.shard.value),
      Escape(ToString(part.range)), moving ? ", a migration moves keys of it" : "");
}

std::string Legend(const model::RoutingTable& table, const std::vector<Part>& parts) {
  std::string text = fmt::format("{} {} on {} {}", table.ranges.size(),
                                 table.ranges.size() == 1 ? "range" : "ranges", table.shards.size(),
                                 table.shards.size() == 1 ? "shard" : "shards");
  if (!table.pins.empty())
    text += fmt::format(", {} {} pinned elsewhere", table.pins.size(),
                        table.pins.size() == 1 ? "key" : "keys");
  if (parts.size() > kPartsMax)
    text += fmt::format("; the bar shows the {} widest of {} parts", kPartsMax, parts.size());
  if (!table.moving.empty()) text += "; striped: a migration moves keys of it";
  return text;
}

// The widest ones, in the order of keys.
std::vector<Part> Drawn(std::vector<Part> parts) {
  if (parts.size() <= kPartsMax) return parts;
  std::vector<double> shares;
  for (const Part& part : parts) shares.push_back(part.share);
  std::ranges::nth_element(shares, shares.begin() + kPartsMax - 1, std::greater<>());
  const double least = shares[kPartsMax - 1];
  std::vector<Part> drawn;
  for (Part& part : parts) {
    if (part.share >= least && drawn.size() < kPartsMax) drawn.push_back(std::move(part));
  }
  return drawn;
}

}  // namespace

std::map<model::ShardId, int> ColoursOf(const SetState& state) {
  std::set<model::ShardId> shards;
  for (const model::ShardStatus& shard : state.set.status.shard_statuses) shards.insert(shard.id);
  if (state.table) {
    for (const model::OwnedRange& owned : state.table->ranges) shards.insert(owned.shard);
  }
  std::map<model::ShardId, int> colours;
  for (const model::ShardId& shard : shards)
    colours[shard] = static_cast<int>(colours.size()) % kColours;
  return colours;
}

std::string KeyBar(const SetState& state) {
  if (!state.table || state.table->ranges.empty())
    return "<p class=\"soft\">There is no routing table yet.</p>";
  const std::map<model::ShardId, int> colours = ColoursOf(state);
  const std::vector<Part> parts = PartsOf(*state.table);
  std::string bar;
  for (const Part& part : Drawn(parts)) bar += PartHtml(*state.table, part, colours.at(part.shard));
  return fmt::format(
      "<ol class=\"keys\" aria-label=\"Owners of the keys, in order\">{}</ol>"
      "<p class=\"soft\">{}.</p>",
      bar, Legend(*state.table, parts));
}

}  // namespace foreshard::op
