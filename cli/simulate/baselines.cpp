#include "cli/simulate/baselines.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace foreshard::simulate {

namespace {

// Half of a piece by load; hash positions are spread, so by width.
model::Position MiddleOf(const Piece& piece) {
  return piece.from + (piece.to - piece.from - 1) / 2 + 1;
}

Order MoveOf(const Piece& piece, std::optional<std::size_t> destination) {
  return {.type = model::ActionType::kMove,
          .source = piece.shard,
          .destination = destination,
          .from = piece.from,
          .to = piece.to};
}

Order HalfOf(const Piece& piece, std::optional<std::size_t> destination) {
  return {.type = model::ActionType::kSplit,
          .source = piece.shard,
          .destination = destination,
          .from = MiddleOf(piece),
          .to = piece.to};
}

std::optional<std::size_t> Coldest(const Seen& seen, const Fleet& fleet,
                                   std::optional<std::size_t> except) {
  std::optional<std::size_t> coldest;
  for (const std::size_t shard : seen.alive) {
    const FleetShard& candidate = fleet.shards()[shard];
    if (!candidate.ready || candidate.receiving || shard == except) continue;
    if (!coldest || seen.load[shard] < seen.load[*coldest]) coldest = shard;
  }
  return coldest;
}

}  // namespace

Seen Look(const Past& past, const Fleet& fleet) {
  Seen seen;
  seen.load.assign(fleet.shards().size(), 0);
  for (std::size_t i = 0; i < fleet.shards().size(); ++i) {
    if (fleet.shards()[i].alive) seen.alive.push_back(i);
  }
  for (std::size_t i = 0; i < fleet.pieces().size(); ++i) {
    const double load = past.Load(fleet.pieces()[i]);
    seen.piece_load.push_back(load);
    seen.load[fleet.pieces()[i].shard] += load;
    seen.total += load;
    seen.pieces.push_back(i);
  }
  std::stable_sort(seen.pieces.begin(), seen.pieces.end(), [&seen](std::size_t a, std::size_t b) {
    return seen.piece_load[a] > seen.piece_load[b];
  });
  return seen;
}

void Reactive::Decide(const Past& past, Fleet& fleet) {
  if (past.Gap(past.now())) return;
  const double limit = options_.limit_percent / 100.0;
  const double target = options_.target_percent / 100.0;
  const Seen seen = Look(past, fleet);
  const auto count = static_cast<double>(seen.alive.size());
  if (wanted_ == 0) wanted_ = seen.alive.size();
  if (seen.total > 0.9 * count * limit) {
    wanted_ = std::max(wanted_, static_cast<std::size_t>(std::ceil(seen.total / target)));
    quiet_ = 0;
  } else if (seen.total < 0.85 * (count - 1) * target) {
    if (++quiet_ >= 3)
      wanted_ = std::max<std::size_t>(
          2, static_cast<std::size_t>(std::ceil(seen.total / (0.9 * target))));
  } else {
    quiet_ = 0;
    wanted_ = std::max(wanted_, seen.alive.size());
  }
  std::vector<std::size_t> hottest = seen.alive;
  std::stable_sort(hottest.begin(), hottest.end(),
                   [&seen](std::size_t a, std::size_t b) { return seen.load[a] > seen.load[b]; });
  for (const std::size_t shard : hottest) {
    const bool grow = fleet.alive() < wanted_;
    if (seen.load[shard] > 0.9 * limit || (grow && shard == hottest.front()))
      Relieve(past, fleet, shard, grow);
  }
  if (fleet.alive() > wanted_ && seen.load[hottest.front()] <= 0.9 * limit) Shrink(past, fleet);
}

bool Reactive::Relieve(const Past& past, Fleet& fleet, std::size_t shard, bool may_add) {
  const double target = options_.target_percent / 100.0;
  const Seen seen = Look(past, fleet);
  const std::optional<std::size_t> coldest = may_add ? std::nullopt : Coldest(seen, fleet, shard);
  for (const std::size_t i : seen.pieces) {
    const Piece piece = fleet.pieces()[i];
    if (piece.shard != shard) continue;
    const bool cut = seen.piece_load[i] > 0.5 * seen.load[shard];
    const double moved = cut ? seen.piece_load[i] / 2 : seen.piece_load[i];
    if (may_add || (coldest && seen.load[*coldest] + moved <= target)) {
      return fleet.Start(cut ? HalfOf(piece, coldest) : MoveOf(piece, coldest));
    }
  }
  // Nothing fits anywhere: one more shard, or half of the hottest piece where it hurts least.
  for (const std::size_t i : seen.pieces) {
    const Piece piece = fleet.pieces()[i];
    if (piece.shard == shard && !may_add) return fleet.Start(HalfOf(piece, std::nullopt));
  }
  return false;
}

// The two coldest shards become one if that fits; else the coldest gives its pieces one by one.
void Reactive::Shrink(const Past& past, Fleet& fleet) {
  const double most = 0.9 * options_.target_percent / 100.0;
  const Seen seen = Look(past, fleet);
  std::optional<std::size_t> source;
  for (const std::size_t shard : seen.alive) {
    if (!fleet.shards()[shard].ready || fleet.shards()[shard].receiving) continue;
    if (!source || seen.load[shard] < seen.load[*source]) source = shard;
  }
  if (!source) return;
  const std::optional<std::size_t> destination = Coldest(seen, fleet, source);
  if (!destination) return;
  if (seen.load[*source] + seen.load[*destination] <= most) {
    fleet.Start({.type = model::ActionType::kMerge, .source = *source, .destination = destination});
    return;
  }
  for (const std::size_t i : seen.pieces) {
    const Piece piece = fleet.pieces()[i];
    if (piece.shard != *source) continue;
    if (seen.load[*destination] + seen.piece_load[i] > most) continue;
    fleet.Start(MoveOf(piece, destination));
    return;
  }
}

void ThresholdSplit::Decide(const Past& past, Fleet& fleet) {
  if (past.Gap(past.now())) return;
  const double heavy = 9.5 * options_.limit_percent / 100.0 / 16;
  const Seen seen = Look(past, fleet);
  heavy_for_.resize(past.units());
  std::vector<double> heaviest(past.units(), 0);
  for (std::size_t i = 0; i < fleet.pieces().size(); ++i) {
    double& most = heaviest[fleet.pieces()[i].unit];
    most = std::max(most, seen.piece_load[i]);
  }
  for (std::size_t unit = 0; unit < heaviest.size(); ++unit)
    heavy_for_[unit] = heaviest[unit] > heavy ? heavy_for_[unit] + 1 : 0;
  std::vector<std::size_t> hottest = seen.alive;
  std::stable_sort(hottest.begin(), hottest.end(),
                   [&seen](std::size_t a, std::size_t b) { return seen.load[a] > seen.load[b]; });
  const double mean = seen.total / static_cast<double>(seen.alive.size());
  for (const std::size_t shard : hottest) {
    if (seen.load[shard] <= 1.05 * mean) break;
    const std::optional<std::size_t> coldest = Coldest(seen, fleet, shard);
    if (!coldest) return;
    const double gap = seen.load[shard] - seen.load[*coldest];
    for (const std::size_t i : seen.pieces) {
      const Piece piece = fleet.pieces()[i];
      if (piece.shard != shard) continue;
      const bool cut = seen.piece_load[i] > heavy && heavy_for_[piece.unit] >= 10;
      const double moved = cut ? seen.piece_load[i] / 2 : seen.piece_load[i];
      // What is worth moving: it narrows the gap and is no trifle.
      if (moved >= gap || moved < 0.05 * mean) continue;
      if (fleet.Start(cut ? HalfOf(piece, coldest) : MoveOf(piece, coldest))) return;
    }
  }
}

}  // namespace foreshard::simulate
