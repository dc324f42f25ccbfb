#include <fmt/format.h>

#include <algorithm>

#include "forecast/forecaster.h"

namespace foreshard::forecast {

namespace {

bool HasValue(model::BinState state) {
  return state == model::BinState::kGood || state == model::BinState::kInterpolated;
}

Status CheckLineage(const Lineage& lineage, std::span<const History> histories) {
  if (lineage.day_bins < 1) return Error::GiveUp("lineage has no day", "BadLineage");
  for (const Share& share : lineage.shares) {
    if (share.history >= histories.size()) {
      return Error::GiveUp(
          fmt::format("lineage names history {} of {}", share.history, histories.size()),
          "BadLineage");
    }
    if (share.by_hour.empty()) return Error::GiveUp("a share without a value", "BadLineage");
    for (const double part : share.by_hour) {
      if (!(part >= 0 && part <= 1))
        return Error::GiveUp(fmt::format("share {} is outside 0..1", part), "BadLineage");
    }
    if (histories[share.history].bin != histories.front().bin) {
      return Error::GiveUp("histories have different bins", "BadLineage");
    }
  }
  return Ok();
}

double PartAt(const Share& share, int day_bins, model::BinIndex at) {
  const model::BinIndex position = ((at % day_bins) + day_bins) % day_bins;
  const auto slot = static_cast<std::size_t>(position) * share.by_hour.size() /
                    static_cast<std::size_t>(day_bins);
  return share.by_hour[slot];
}

// Adds one owner's part of one bin. A part of nothing needs no data; a part of the unknown is
// unknown.
void AddPart(const History& history, double part, model::BinIndex at, std::size_t i,
             History& composed) {
  if (part == 0) return;
  const model::BinIndex place = at - history.first;
  const bool known = place >= 0 && place < static_cast<model::BinIndex>(history.mean.size()) &&
                     HasValue(history.state[static_cast<std::size_t>(place)]);
  if (!known) {
    composed.state[i] = model::BinState::kMissing;
    return;
  }
  const auto from = static_cast<std::size_t>(place);
  composed.mean[i] += part * history.mean[from];
  if (from < history.peak.size()) composed.peak[i] += part * history.peak[from];
  if (composed.state[i] == model::BinState::kGood) composed.state[i] = history.state[from];
}

}  // namespace

Result<History> Compose(const Lineage& lineage, std::span<const History> histories) {
  const Status valid = CheckLineage(lineage, histories);
  if (!valid) return valid.error();
  History composed;
  if (lineage.shares.empty() || histories.empty()) return composed;
  composed.bin = histories.front().bin;
  model::BinIndex first = lineage.shares.front().from;
  model::BinIndex end = lineage.shares.front().to;
  for (const Share& share : lineage.shares) {
    first = std::min(first, share.from);
    end = std::max(end, share.to);
  }
  composed.first = first;
  const auto count = static_cast<std::size_t>(std::max<model::BinIndex>(0, end - first));
  composed.mean.assign(count, 0);
  composed.peak.assign(count, 0);
  composed.state.assign(count, model::BinState::kGood);
  std::vector<bool> owned(count, false);
  for (const Share& share : lineage.shares) {
    for (model::BinIndex at = share.from; at < share.to; ++at) {
      const auto i = static_cast<std::size_t>(at - first);
      owned[i] = true;
      AddPart(histories[share.history], PartAt(share, lineage.day_bins, at), at, i, composed);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!owned[i]) composed.state[i] = model::BinState::kMissing;
    if (!HasValue(composed.state[i])) composed.mean[i] = composed.peak[i] = 0;
  }
  return composed;
}

}  // namespace foreshard::forecast
