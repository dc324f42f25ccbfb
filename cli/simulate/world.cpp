#include "cli/simulate/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "cli/forecast/trace.h"

namespace foreshard::simulate {

namespace {

constexpr double kShardsAtPeak = 9.5;  // the peak of total demand fills them to the limit
constexpr double kNoiseSd = 0.1;
constexpr double kNoiseMemory = 0.9;
constexpr double kBytesPerSecond = 40e6 / 3;  // copy at 20 MB/s, then indexes at 40 MB/s
constexpr double kSpeedSd = 0.3;
constexpr double kFailureShare = 0.05;
constexpr int kDaysMax = 14;

double Log2Width(std::size_t units) { return 64 - std::log2(static_cast<double>(units)); }

std::vector<double> ZipfWeights(std::size_t units, double exponent, Random& random) {
  std::vector<double> weights;
  for (std::size_t rank = 1; rank <= units; ++rank)
    weights.push_back(1 / std::pow(static_cast<double>(rank), exponent));
  for (std::size_t i = units; i > 1; --i) std::swap(weights[i - 1], weights[random.Below(i)]);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

// The trace moved in time by whole bins; what would lie outside is taken from a day beside it.
double Shifted(const Trace& trace, std::size_t bin, int shift, int day) {
  const int length = static_cast<int>(trace.demand.size());
  int at = static_cast<int>(bin) - shift;
  while (at < 0) at += day;
  while (at >= length) at -= day;
  return trace.demand[static_cast<std::size_t>(at)];
}

Crowd MakeCrowd(std::size_t unit, std::size_t start, const Options& options, Random& random) {
  const auto bins = [&options](double minutes) {
    return std::max(
        1, static_cast<int>(std::lround(minutes * 60 / static_cast<double>(options.bin.count()))));
  };
  Crowd crowd{.unit = unit, .start = start};
  crowd.before = bins(5 + 10 * random.Unit());
  crowd.after = bins(5 + 10 * random.Unit());
  crowd.plateau = bins(30 + 90 * random.Unit());
  crowd.multiplier = 3 + 7 * random.Unit();
  return crowd;
}

// Poisson in time over the whole set, uniform over units.
void AddCrowds(World& world, const Options& options, double per_day, bool announced,
               Random& random) {
  const double mean = options.DayBins() / per_day;
  for (double at = static_cast<double>(world.begin) + random.Exponential(mean);
       at < static_cast<double>(world.bins); at += random.Exponential(mean)) {
    Crowd crowd =
        MakeCrowd(random.Below(world.units()), static_cast<std::size_t>(at), options, random);
    if (announced) crowd.announced = crowd.multiplier * std::exp(0.3 * random.Normal());
    world.crowds.push_back(crowd);
  }
  for (const Crowd& crowd : world.crowds) {
    if (crowd.announced.has_value() != announced) continue;
    for (std::size_t bin = crowd.start; bin < world.bins; ++bin) {
      const double factor = crowd.FactorAt(bin);
      if (factor <= 1 && bin > crowd.start) break;
      world.demand[crowd.unit][bin] *= factor;
    }
  }
}

void AddHotKeys(World& world, const Options& options, Random& random) {
  const double hour = 3600.0 / static_cast<double>(options.bin.count());
  for (std::size_t bin = 0; bin < world.bins;) {
    const auto length = static_cast<std::size_t>(hour * (6 + 18 * random.Unit()));
    const std::size_t unit = random.Below(world.units());
    const double inside = random.Unit() * std::exp2(Log2Width(world.units()));
    world.hot.push_back({.from = bin,
                         .to = bin + length,
                         .unit = unit,
                         .at = world.StartOf(unit) + static_cast<model::Position>(inside),
                         .share = 0.1 + 0.3 * random.Unit()});
    bin += length;
  }
}

void AddGaps(World& world, const Options& options, Random& random) {
  const double mean = options.DayBins() / 2.0;  // two a day, 5 to 30 minutes
  for (double at = static_cast<double>(world.begin) + random.Exponential(mean);
       at < static_cast<double>(world.bins); at += random.Exponential(mean)) {
    const auto from = static_cast<std::size_t>(at);
    const std::size_t to = std::min(world.bins, from + 1 + random.Below(6));
    for (std::size_t bin = from; bin < to; ++bin) world.gap[bin] = 1;
  }
}

void SetTimes(World& world, const Trace& trace, const Options& options) {
  const auto day = static_cast<std::size_t>(options.DayBins());
  world.first = trace.first;
  world.bins = trace.demand.size();
  world.scored = (world.bins >= 14 * day ? 8 : 6) * day;
  world.begin = world.scored - day;
}

}  // namespace

double Crowd::FactorAt(std::size_t bin) const {
  const auto into = static_cast<double>(bin) - static_cast<double>(start);
  if (into < 0 || into > before + plateau + after) return 1;
  double part = 1;
  if (into < before) part = (into + 1) / (before + 1);
  if (into >= before + plateau) part = 1 - (into - before - plateau + 1) / (after + 1);
  return 1 + (multiplier - 1) * std::clamp(part, 0.0, 1.0);
}

model::Position World::StartOf(std::size_t unit) const {
  const double count = static_cast<double>(units());
  if (unit >= units()) return 0;
  return static_cast<model::Position>(static_cast<double>(unit) / count * 0x1p64);
}

double World::ShareOf(std::size_t unit, model::Position from, model::Position to,
                      std::size_t bin) const {
  const double width = static_cast<double>(StartOf(unit + 1) - StartOf(unit) - 1) + 1;
  double share = (static_cast<double>(to - from - 1) + 1) / width;
  for (const HotSpell& spell : hot) {
    if (spell.unit != unit || bin < spell.from || bin >= spell.to) continue;
    const bool inside = spell.at >= from && spell.at - from <= to - from - 1;
    share = share * (1 - spell.share) + (inside ? spell.share : 0);
  }
  return share;
}

double World::Total(std::size_t bin) const {
  double total = 0;
  for (const std::vector<double>& unit : demand) total += unit[bin];
  return total;
}

World MakeWorld(const Trace& trace, const Options& options, std::uint64_t seed) {
  Random random(seed * 1'000'003 + 17);
  World world;
  SetTimes(world, trace, options);
  const auto units = static_cast<std::size_t>(options.units);
  Random weights_random = random.Fork();
  const std::vector<double> weights = ZipfWeights(units, options.zipf, weights_random);
  const double hour = 3600.0 / static_cast<double>(options.bin.count());
  for (std::size_t unit = 0; unit < units; ++unit) {
    Random own = random.Fork();
    const int phase =
        static_cast<int>(std::lround((2 * own.Unit() - 1) * options.phase_hours * hour));
    double noise = kNoiseSd * own.Normal();
    std::vector<double> demand;
    for (std::size_t bin = 0; bin < world.bins; ++bin) {
      demand.push_back(weights[unit] * Shifted(trace, bin, phase, options.DayBins()) *
                       std::exp(noise - kNoiseSd * kNoiseSd / 2));
      noise = kNoiseMemory * noise +
              kNoiseSd * std::sqrt(1 - kNoiseMemory * kNoiseMemory) * own.Normal();
    }
    world.demand.push_back(std::move(demand));
    world.bytes.push_back(std::sqrt(weights[unit]));
  }
  double peak = 0;  // before anything unexpected happens
  for (std::size_t bin = world.scored; bin < world.bins; ++bin)
    peak = std::max(peak, world.Total(bin));
  world.capacity = std::max(peak, 1e-9) / kShardsAtPeak / (options.limit_percent / 100.0);
  world.bytes_total = kBytesPerSecond * options.move_minutes * 60;
  const double sum = std::accumulate(world.bytes.begin(), world.bytes.end(), 0.0);
  for (double& bytes : world.bytes) bytes *= world.bytes_total / sum;
  world.speed = std::exp(kSpeedSd * random.Normal());
  world.gap.assign(world.bins, 0);
  Random crowds = random.Fork();
  Random hot = random.Fork();
  Random gaps = random.Fork();
  if (options.with.contains("flash")) AddCrowds(world, options, 0.2, false, crowds);
  if (options.with.contains("event")) AddCrowds(world, options, 0.5, true, crowds);
  if (options.with.contains("hotkey")) AddHotKeys(world, options, hot);
  if (options.with.contains("failures")) {
    world.move_failure = kFailureShare;
    AddGaps(world, options, gaps);
  }
  return world;
}

Result<Trace> MakeTrace(const std::string& name, const std::string& text, const Options& options) {
  const auto samples = cli::ParseTrace(text);
  if (!samples) return samples.error();
  const model::DemandSeries series = cli::BinTrace(*samples, options.bin);
  const auto ratio = static_cast<std::size_t>(series.bin / options.bin);
  const auto day = static_cast<std::size_t>(options.DayBins());
  if (ratio == 0 || series.mean.size() * ratio < 8 * day) {
    return Error::GiveUp(
        fmt::format("{} days are needed, one bin every {} s", 8, options.bin.count()), "BadInput");
  }
  std::vector<std::pair<std::size_t, double>> known;  // middle of the sample, value
  for (std::size_t i = 0; i < series.mean.size(); ++i) {
    if (series.state[i] == model::BinState::kGood ||
        series.state[i] == model::BinState::kInterpolated) {
      known.emplace_back(i * ratio + ratio / 2, series.mean[i]);
    }
  }
  if (known.empty()) return Error::GiveUp("no known value", "BadInput");
  Trace trace{.name = name,
              .first = series.first * static_cast<std::int64_t>(ratio),
              .demand = std::vector<double>(series.mean.size() * ratio)};
  std::size_t next = 0;
  for (std::size_t bin = 0; bin < trace.demand.size(); ++bin) {
    while (next < known.size() && known[next].first < bin) ++next;
    const auto& after = known[std::min(next, known.size() - 1)];
    const auto& before = known[next == 0 ? 0 : next - 1];
    const double span = static_cast<double>(after.first) - static_cast<double>(before.first);
    const double into = static_cast<double>(bin) - static_cast<double>(before.first);
    const double share = span > 0 ? std::clamp(into / span, 0.0, 1.0) : 1;
    trace.demand[bin] = before.second + share * (after.second - before.second);
  }
  const std::size_t keep = std::min(trace.demand.size(), kDaysMax * day);
  trace.first += static_cast<std::int64_t>(trace.demand.size() - keep);
  trace.demand.erase(trace.demand.begin(), trace.demand.end() - static_cast<std::ptrdiff_t>(keep));
  return trace;
}

Trace SyntheticTrace(const Options& options, std::uint64_t seed) {
  Random random(seed);
  Trace trace{.name = "synthetic", .first = 0, .demand = {}};
  const int day = options.DayBins();
  for (int bin = 0; bin < 10 * day; ++bin) {
    const double angle = 6.283185307179586 * bin / day;
    const bool weekend = (bin / day) % 7 >= 5;
    const double wave = 1 - 0.45 * std::cos(angle) + 0.1 * std::sin(2 * angle);
    trace.demand.push_back(1'000 * wave * (weekend ? 0.7 : 1) * std::exp(0.03 * random.Normal()));
  }
  return trace;
}

}  // namespace foreshard::simulate
