#include "operator/forecasts/load_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreshard::op {

namespace {

constexpr std::size_t kMeasuredBins = 6;
constexpr double kWriteWeightChange =
    0.25;                                   // the series is rescaled only when costs really changed
constexpr double kHistoryChange = 0.02;     // relative: a share of a split that is measured better
constexpr std::size_t kChangedBinsMax = 4;  // late samples of the newest bins are no new history
constexpr double kCpuHalfLifeDays = 3;

int Bins(std::chrono::milliseconds length, std::chrono::seconds bin) {
  return static_cast<int>(length / std::chrono::duration_cast<std::chrono::milliseconds>(bin));
}

bool IsData(model::BinState state) {
  return state == model::BinState::kGood || state == model::BinState::kInterpolated;
}

// The past is not what it was when the forecast was fitted: a backfill came, a split changed who
// owned it, costs were learned.
bool PastChanged(const model::DemandSeries& old, const model::DemandSeries& now) {
  std::size_t changed = 0;
  for (model::BinIndex at = std::max(old.first, now.first); at <= std::min(old.last(), now.last());
       ++at) {
    const auto i = static_cast<std::size_t>(at - old.first);
    const auto j = static_cast<std::size_t>(at - now.first);
    const bool data = IsData(old.state[i]);
    if (data != IsData(now.state[j])) {
      ++changed;
    } else if (data && std::abs(old.mean[i] - now.mean[j]) >
                           kHistoryChange * std::max(old.mean[i], now.mean[j]) + 1e-9) {
      ++changed;
    }
  }
  if (now.first < old.first) {
    for (model::BinIndex at = now.first; at < old.first; ++at) {
      changed += IsData(now.state[static_cast<std::size_t>(at - now.first)]) ? 1 : 0;
    }
  }
  return changed > kChangedBinsMax;
}

model::Quantiles Scaled(const model::Quantiles& steps, double factor, double offset) {
  model::Quantiles scaled{};
  for (std::size_t i = 0; i < steps.size(); ++i) scaled[i] = offset + factor * steps[i];
  return scaled;
}

}  // namespace

LoadBook::LoadBook(LoadBookOptions options) : options_(std::move(options)) {
  forecast_options_.bin = options_.bin;
  forecast_options_.day_bins =
      options_.seasons.empty() ? 288 : Bins(options_.seasons[0], options_.bin);
  forecast_options_.week_bins =
      options_.seasons.size() < 2 ? 0 : Bins(options_.seasons[1], options_.bin);
  forecast_options_.horizon_bins = std::max(1, Bins(options_.horizon, options_.bin));
}

Status LoadBook::Advance(const std::map<model::ShardId, ShardDemand>& demand,
                         const std::map<model::ShardId, ShardDemand>& measured,
                         const std::map<model::ShardId, std::vector<double>>& cores,
                         model::BinIndex first, model::BinIndex /*now: the end of every series*/) {
  LearnCpu(measured, cores);
  Status status = Ok();
  std::map<model::ShardId, ShardLoad> loads;
  for (const auto& [shard, points] : demand) {
    const Status forward = Forward(shard, SeriesOf(points, first));
    if (!forward) status = forward;
    const auto found = cores.find(shard);
    loads[shard] = LoadOf(entries_[shard], points, found == cores.end() ? nullptr : &found->second);
  }
  std::erase_if(entries_,
                [&demand](const auto& entry) { return demand.find(entry.first) == demand.end(); });
  loads_ = std::move(loads);
  return status;
}

// One model for the whole set: its shards run the same schema on the same size.
void LoadBook::LearnCpu(const std::map<model::ShardId, ShardDemand>& demand,
                        const std::map<model::ShardId, std::vector<double>>& cores) {
  std::vector<CpuRow> rows;
  for (const auto& [shard, points] : demand) {
    const auto used = cores.find(shard);
    if (used == cores.end()) continue;
    const std::size_t length = std::min(points.points.size(), used->second.size());
    for (std::size_t i = 0; i < length; ++i) {
      if (!points.known[i] || !std::isfinite(used->second[i])) continue;
      rows.push_back({.demand = points.points[i],
                      .cores = used->second[i],
                      .age_bins = static_cast<double>(length - 1 - i)});
    }
  }
  const double half_life = kCpuHalfLifeDays * forecast_options_.day_bins;
  const CpuModel by_kind = FitCpuModel(rows, half_life);
  // Where reads and writes always come in the same proportion their costs cannot be told apart;
  // then any weight will do.
  if (by_kind.cores_per_read > 0 && by_kind.cores_per_write > 0) {
    const double weight = std::clamp(by_kind.cores_per_write / by_kind.cores_per_read, 0.1, 50.0);
    if (std::abs(weight - write_weight_) > kWriteWeightChange * write_weight_)
      write_weight_ = weight;
  }
  for (CpuRow& row : rows) {
    row.demand[model::DemandKind::kReads] += write_weight_ * row.demand[model::DemandKind::kWrites];
    row.demand[model::DemandKind::kWrites] = 0;
  }
  cpu_model_ = FitCpuModel(rows, half_life);
}

model::DemandSeries LoadBook::SeriesOf(const ShardDemand& demand, model::BinIndex first) const {
  model::DemandSeries series;
  series.bin = options_.bin;
  std::size_t begin = 0;  // a series begins with data: what was before the set is no gap
  while (begin < demand.known.size() && !demand.known[begin]) ++begin;
  series.first = first + static_cast<model::BinIndex>(begin);
  for (std::size_t i = begin; i < demand.known.size(); ++i) {
    const double index = demand.points[i][model::DemandKind::kReads] +
                         write_weight_ * demand.points[i][model::DemandKind::kWrites];
    series.mean.push_back(demand.known[i] ? index : 0);
    series.peak.push_back(demand.known[i] ? index : 0);
    series.state.push_back(demand.known[i] ? model::BinState::kGood : model::BinState::kMissing);
  }
  return series;
}

Status LoadBook::Forward(const model::ShardId& shard, model::DemandSeries series) {
  Entry& entry = entries_[shard];
  if (series.mean.empty()) {
    entry = {};
    return Ok();
  }
  const bool continues = entry.fitted && entry.fitted->last() >= series.first &&
                         entry.fitted->last() <= series.last() &&
                         !PastChanged(entry.history, series);
  if (continues) {
    for (model::BinIndex at = entry.fitted->last() + 1; at <= series.last(); ++at) {
      const auto i = static_cast<std::size_t>(at - series.first);
      Result<forecast::Fitted> next = forecast::Update(
          *std::move(entry.fitted),
          {.at = at, .mean = series.mean[i], .peak = series.peak[i], .state = series.state[i]});
      if (!next) {
        entry = {};
        return Error::GiveUp(fmt::format("{}: {}", shard, next.error().message));
      }
      entry.fitted = *std::move(next);
    }
    if (forecast::RefitDue(*entry.fitted)) {
      Result<forecast::Fitted> refitted = forecast::Refit(*entry.fitted, nullptr, random_);
      if (refitted) entry.fitted = *std::move(refitted);
    }
    entry.history = std::move(series);
    return Ok();
  }
  Result<forecast::Fitted> fitted = forecast::Fit(series, {}, forecast_options_, nullptr, random_);
  if (!fitted) {
    entry = {};
    return Error::GiveUp(fmt::format("{}: {}", shard, fitted.error().message));
  }
  entry.fitted = *std::move(fitted);
  entry.history = std::move(series);
  return Ok();
}

ShardLoad LoadBook::LoadOf(const Entry& entry, const ShardDemand& demand,
                           const std::vector<double>* cores) const {
  ShardLoad load;
  const std::size_t length = demand.known.size();
  double statements_per_index = 1;
  for (std::size_t back = 0; back < 2 && back < length; ++back)
    load.fresh = load.fresh || demand.known[length - 1 - back];
  for (std::size_t i = length; i > 0; --i) {
    if (!demand.known[i - 1]) continue;
    const double reads = demand.points[i - 1][model::DemandKind::kReads];
    const double writes = demand.points[i - 1][model::DemandKind::kWrites];
    load.statements = reads + writes;
    const double index = reads + write_weight_ * writes;
    if (index > 0) statements_per_index = load.statements / index;
    break;
  }
  if (cores != nullptr) {
    for (std::size_t i = cores->size() - std::min(cores->size(), kMeasuredBins); i < cores->size();
         ++i) {
      if (std::isfinite((*cores)[i]))
        load.measured.push_back((*cores)[i] / options_.capacity_cores);
    }
    if (cores->empty() || !std::isfinite(cores->back())) load.measured.clear();
  }
  load.background = cpu_model_.background_cores / options_.capacity_cores;
  load.estimator_usable = IsUsable(cpu_model_, options_.capacity_cores);
  if (!entry.fitted || !load.estimator_usable) return load;
  const double factor = cpu_model_.cores_per_read / options_.capacity_cores;
  load.trust = forecast::Score(*entry.fitted);
  load.fan = forecast::Forecast(*entry.fitted, {});
  for (const model::Quantiles& step : load.fan.steps)
    load.statements_ahead.push_back(Scaled(step, statements_per_index, 0));
  for (model::Quantiles& step : load.fan.steps) step = Scaled(step, factor, load.background);
  for (double& scale : load.fan.scale) scale *= factor;
  for (model::WindowMaximum& window : load.fan.windows)
    window.maximum = Scaled(window.maximum, factor, load.background);
  load.scenarios = forecast::Draw(*entry.fitted, {});
  for (std::vector<double>& path : load.scenarios.paths) {
    for (double& value : path) value = load.background + factor * value;
  }
  return load;
}

std::vector<forecast::StepReport> LoadBook::Report(const model::ShardId& shard) const {
  const auto entry = entries_.find(shard);
  if (entry == entries_.end() || !entry->second.fitted) return {};
  return forecast::Explain(*entry->second.fitted);
}

}  // namespace foreshard::op
