#include "cli/plugin/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/clock.h"

namespace foreshard::plugin {

namespace {

constexpr double kGapSteps = 1.5;  // further apart: a gap
constexpr int kSamplesOfABin = 3;  // a rate needs two of them, wherever the grid lies
constexpr double kShareSlack = 1e-6;

Error BadShare(const std::string& given, const std::string& why) {
  return Error::GiveUp(fmt::format("--share {}: {}; accepted: SHARD=0.7, shards of the set, "
                                   "together at most 1",
                                   given, why),
                       "BadUsage");
}

// Half of the ring is 0.5. A bound is up to 16 hexadecimal digits after the point.
double PositionOf(std::string_view bound, double open) {
  if (bound.empty()) return open;
  double position = 0;
  double place = 1.0 / 16;
  for (const char digit : bound) {
    const int value = digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
    position += value * place;
    place /= 16;
  }
  return position;
}

std::vector<LoadShare> Evenly(const model::RoutingTable& table) {
  std::vector<LoadShare> shares;
  for (const model::ShardAddress& shard : table.shards) {
    shares.push_back({shard.id, 1.0 / static_cast<double>(table.shards.size())});
  }
  return shares;
}

std::vector<LoadShare> ByRanges(const model::RoutingTable& table) {
  if (table.key_space.strategy != model::Strategy::kHash) return Evenly(table);
  std::map<model::ShardId, double> parts;
  for (const model::OwnedRange& owned : table.ranges) {
    parts[owned.shard] += PositionOf(owned.range.to, 1) - PositionOf(owned.range.from, 0);
  }
  std::vector<LoadShare> shares;
  for (const auto& [shard, part] : parts) shares.push_back({shard, part});
  return shares;
}

std::int64_t StepOf(const std::vector<cli::TraceSample>& demand) {
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < demand.size(); ++i) {
    steps.push_back(demand[i].at - demand[i - 1].at);
  }
  if (steps.empty()) return 1;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return std::max<std::int64_t>(*middle, 1);
}

struct CounterPoint {
  std::int64_t at = 0;
  double statements = 0;  // since the first moment
};

// The integral of the demand on a grid of `every` seconds, without the gaps.
std::vector<CounterPoint> Counted(const std::vector<cli::TraceSample>& demand, std::int64_t every) {
  const std::int64_t step = StepOf(demand);
  const auto longest = static_cast<std::int64_t>(kGapSteps * static_cast<double>(step));
  std::vector<CounterPoint> points;
  double before = 0;
  std::int64_t next = demand.front().at;
  for (std::size_t i = 0; i < demand.size(); ++i) {
    const bool last = i + 1 == demand.size();
    const bool gap = !last && demand[i + 1].at - demand[i].at > longest;
    const std::int64_t end = last || gap ? demand[i].at + step : demand[i + 1].at;
    next = std::max(next, demand[i].at);
    for (; next < end || (next == end && (last || gap)); next += every) {
      points.push_back({next, before + demand[i].value * static_cast<double>(next - demand[i].at)});
    }
    before += demand[i].value * static_cast<double>(end - demand[i].at);
  }
  return points;
}

std::string TimeText(std::int64_t seconds) {
  return FormatRfc3339(WallTime(std::chrono::seconds(seconds)));
}

}  // namespace

Result<std::vector<LoadShare>> SharesOf(const model::RoutingTable& table,
                                        const std::vector<std::string>& given) {
  if (given.empty()) return ByRanges(table);
  std::vector<LoadShare> shares = Evenly(table);
  for (LoadShare& share : shares) share.share = -1;
  double sum = 0;
  for (const std::string& text : given) {
    const std::size_t sign = text.find('=');
    if (sign == std::string::npos) return BadShare(text, "no '='");
    const auto named = std::find_if(shares.begin(), shares.end(), [&](const LoadShare& share) {
      return share.shard.value == text.substr(0, sign);
    });
    if (named == shares.end()) return BadShare(text, "no such shard");
    if (named->share >= 0) return BadShare(text, "named twice");
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + sign + 1, end, named->share);
    if (error != std::errc() || stopped != end || !(named->share >= 0 && named->share <= 1)) {
      return BadShare(text, "no number from 0 to 1");
    }
    sum += named->share;
  }
  const auto others = std::count_if(shares.begin(), shares.end(),
                                    [](const LoadShare& share) { return share.share < 0; });
  if (sum > 1 + kShareSlack || (others == 0 && sum < 1 - kShareSlack)) {
    return BadShare(given.back(), fmt::format("together {}", sum));
  }
  for (LoadShare& share : shares) {
    if (share.share < 0) share.share = std::max(0.0, 1 - sum) / static_cast<double>(others);
  }
  return shares;
}

Result<std::map<std::string, std::string>> LabelsOf(const std::string& selector) {
  std::map<std::string, std::string> labels;
  std::size_t at = 0;
  while (at < selector.size()) {
    const std::size_t sign = selector.find('=', at);
    const std::size_t end =
        sign == std::string::npos ? std::string::npos : selector.find('"', sign + 2);
    const bool good = end != std::string::npos && selector[sign + 1] == '"' && sign > at &&
                      selector[sign - 1] != '!' && selector.find('\\', sign) >= end &&
                      (end + 1 == selector.size() || selector[end + 1] == ',');
    if (!good) {
      return Error::GiveUp(
          fmt::format("spec.metrics.selector '{}': only equalities tell which labels a sample "
                      "needs; accepted: cluster=\"a\",zone=\"b\"",
                      selector),
          "BadUsage");
    }
    labels[selector.substr(at, sign - at)] = selector.substr(sign + 2, end - sign - 2);
    at = end + 2;
  }
  return labels;
}

std::vector<cli::TraceSample> Between(std::vector<cli::TraceSample> demand, std::int64_t from,
                                      std::int64_t until) {
  std::erase_if(demand, [&](const cli::TraceSample& sample) {
    return sample.at < from || sample.at >= until;
  });
  return demand;
}

std::string HistoryText(const History& history) {
  double sum = 0;
  double highest = 0;
  for (const cli::TraceSample& sample : history.demand) {
    sum += sample.value;
    highest = std::max(highest, sample.value);
  }
  std::string text = fmt::format(
      "{} to {}: {} values, {:.1f} statements/s in the mean, {:.1f} at most, {:.0f} % writes\n",
      TimeText(history.demand.front().at), TimeText(history.demand.back().at),
      history.demand.size(), sum / static_cast<double>(history.demand.size()), highest,
      100 * history.write_share);
  for (const LoadShare& share : history.shares) {
    text += fmt::format("  {}  {:.1f} %\n", share.shard.value, 100 * share.share);
  }
  return text;
}

void WriteOpenMetrics(const History& history, const std::function<void(std::string_view)>& write) {
  const std::vector<CounterPoint> points =
      Counted(history.demand, std::max<std::int64_t>(1, history.bin.count() / kSamplesOfABin));
  std::string labels;
  for (const auto& [name, value] : history.labels) labels += fmt::format(",{}=\"{}\"", name, value);
  write("# TYPE foreshard_router_statements counter\n");
  for (const LoadShare& share : history.shares) {
    for (const auto& [kind, part] :
         {std::pair{"read", 1 - history.write_share}, {"write", history.write_share}}) {
      for (const CounterPoint& point : points) {
        write(fmt::format(
            "foreshard_router_statements_total{{shard=\"{}\",kind=\"{}\"{}}} {:.3f} {}\n",
            share.shard.value, kind, labels, point.statements * share.share * part, point.at));
      }
    }
  }
  write("# EOF\n");
}

}  // namespace foreshard::plugin
