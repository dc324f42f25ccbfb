#include "operator/forecasts/load_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "forecast/estimator.h"

namespace foreshard::op {

namespace {

constexpr std::size_t kMeasuredBins = 6;
constexpr double kWriteWeightChange =
    0.25;                                   // the series is rescaled only when costs really changed
constexpr double kHistoryChange = 0.02;     // relative: a share of a split that is measured better
constexpr std::size_t kChangedBinsMax = 4;  // late samples of the newest bins are no new history
constexpr std::size_t kLearnedDays = 9;     // three half-lives of the estimator
constexpr std::size_t kLearnedRowsMax = 4'000;

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

std::size_t BinsLearnedFrom(const forecast::Options& options) {
  return kLearnedDays * static_cast<std::size_t>(options.day_bins);
}

forecast::UsageRow RowOf(model::BinIndex at, const model::DemandPoint& demand, double cores) {
  forecast::UsageRow row{.at = at, .demand = {}, .cpu_cores = cores};
  row.demand[model::DemandKind::kReads] = demand[model::DemandKind::kReads];
  row.demand[model::DemandKind::kWrites] = demand[model::DemandKind::kWrites];
  row.io_per_second = NAN;
  row.latency_seconds = NAN;
  return row;
}

// Oldest first, and of very many every second, third, ... one: a set of hundreds of shards teaches
// no more than a few thousand bins do.
std::vector<forecast::UsageRow> OrderedAndThinned(std::vector<forecast::UsageRow> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  const std::size_t stride = rows.size() / kLearnedRowsMax + 1;
  std::vector<forecast::UsageRow> kept;
  for (std::size_t i = (rows.size() + stride - 1) % stride; i < rows.size(); i += stride) {
    kept.push_back(rows[i]);
  }
  return kept;
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
                         model::BinIndex first, model::BinIndex now,
                         const std::map<model::ShardId, forecast::Calendar>& calendars) {
  LearnCpu(measured, cores, first);
  Status status = Ok();
  std::map<model::ShardId, ShardLoad> loads;
  DayForecast::Budget days;
  for (const auto& [shard, points] : demand) {
    const auto calendar = calendars.find(shard);
    const Status forward =
        Forward(shard, SeriesOf(points, first),
                calendar == calendars.end() ? forecast::Calendar{} : calendar->second, days);
    if (!forward) status = forward;
    const auto found = cores.find(shard);
    loads[shard] =
        LoadOf(entries_[shard], points, found == cores.end() ? nullptr : &found->second, now);
  }
  std::erase_if(entries_,
                [&demand](const auto& entry) { return demand.find(entry.first) == demand.end(); });
  loads_ = std::move(loads);
  return status;
}

// One estimator for the whole set: its shards run the same schema on the same size.
void LoadBook::LearnCpu(const std::map<model::ShardId, ShardDemand>& demand,
                        const std::map<model::ShardId, std::vector<double>>& cores,
                        model::BinIndex first) {
  std::vector<forecast::UsageRow> rows;
  for (const auto& [shard, points] : demand) {
    const auto used = cores.find(shard);
    if (used == cores.end()) continue;
    const std::size_t length = std::min(points.points.size(), used->second.size());
    const std::size_t oldest = length - std::min(length, BinsLearnedFrom(forecast_options_));
    for (std::size_t i = oldest; i < length; ++i) {
      if (!points.known[i] || !std::isfinite(used->second[i])) continue;
      rows.push_back(
          RowOf(first + static_cast<model::BinIndex>(i), points.points[i], used->second[i]));
    }
  }
  rows = OrderedAndThinned(std::move(rows));
  const forecast::EstimatorOptions options = {.day_bins = forecast_options_.day_bins,
                                              .capacity_cores = options_.capacity_cores};
  const model::Estimator by_kind = forecast::FitEstimator(rows, options, nullptr);
  const double read = by_kind.cpu.weight[static_cast<std::size_t>(model::DemandKind::kReads)];
  const double write = by_kind.cpu.weight[static_cast<std::size_t>(model::DemandKind::kWrites)];
  // Where reads and writes always come in the same proportion their costs cannot be told apart;
  // then any weight will do.
  if (read > 0 && write > 0) {
    const double weight = std::clamp(write / read, 0.1, 50.0);
    if (std::abs(weight - write_weight_) > kWriteWeightChange * write_weight_)
      write_weight_ = weight;
  }
  for (forecast::UsageRow& row : rows) {
    row.demand[model::DemandKind::kReads] += write_weight_ * row.demand[model::DemandKind::kWrites];
    row.demand[model::DemandKind::kWrites] = 0;
  }
  estimator_ = forecast::FitEstimator(rows, options, nullptr);
}

double LoadBook::BackgroundAt(model::BinIndex bin) const {
  const std::vector<double>& background = estimator_.cpu.background;
  if (background.empty()) return 0;
  return background[static_cast<std::size_t>(estimator_.SlotOf(bin, background.size()))];
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

Status LoadBook::Forward(const model::ShardId& shard, model::DemandSeries series,
                         const forecast::Calendar& calendar, DayForecast::Budget& days) {
  Entry& entry = entries_[shard];
  if (series.mean.empty()) {
    entry = {};
    return Ok();
  }
  const auto saved = saved_.extract(shard);
  if (!entry.fitted && saved) Reopen(saved.mapped(), series, calendar, entry);
  const bool continues = entry.fitted && entry.fitted->last() >= series.first &&
                         entry.fitted->last() <= series.last() && entry.calendar == calendar &&
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
    // The first fit of a young series does not wait: without it there is hardly a forecast.
    const bool at_once = !options_.learns_beside || forecast::CountsOf(*entry.fitted).refits == 0;
    if (at_once && forecast::RefitDue(*entry.fitted)) {
      Result<forecast::Fitted> refitted =
          forecast::Refit(*entry.fitted, network_.weights.get(), random_);
      if (refitted) entry.fitted = *std::move(refitted);
    }
    entry.day.Follow(series, calendar, forecast_options_, false, days);
    entry.history = std::move(series);
    return Ok();
  }
  Result<forecast::Fitted> fitted =
      forecast::Fit(series, calendar, forecast_options_, network_.weights.get(), random_);
  if (!fitted) {
    entry = {};
    return Error::GiveUp(fmt::format("{}: {}", shard, fitted.error().message));
  }
  entry.fitted = *std::move(fitted);
  entry.day.Follow(series, calendar, forecast_options_, true, days);
  entry.history = std::move(series);
  entry.calendar = calendar;
  entry.fits = ++fits_;
  return Ok();
}

ShardLoad LoadBook::LoadOf(const Entry& entry, const ShardDemand& demand,
                           const std::vector<double>* cores, model::BinIndex now) const {
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
  load.background = BackgroundAt(now) / options_.capacity_cores;
  load.estimator_usable = !estimator_.excluded;
  if (!entry.fitted || !load.estimator_usable) return load;
  load.trust = forecast::Score(*entry.fitted);
  load.fan = forecast::Forecast(*entry.fitted, {});
  load.scenarios = forecast::Draw(*entry.fitted, {});
  for (const model::Quantiles& step : load.fan.steps)
    load.statements_ahead.push_back(Scaled(step, statements_per_index, 0));
  ToUtilisation(load);
  AddDay(entry, now, load);
  return load;
}

int LoadBook::LaterBins() const {
  return std::max(1, DayStepBins(forecast_options_.day_bins, forecast_options_.week_bins));
}

void LoadBook::AddDay(const Entry& entry, model::BinIndex now, ShardLoad& load) const {
  const double factor = estimator_.cpu.weight[static_cast<std::size_t>(model::DemandKind::kReads)] /
                        options_.capacity_cores;
  const model::BinIndex bins = LaterBins();
  model::BinIndex bin = (now + 1) / bins * bins;
  for (const model::Quantiles& step : entry.day.steps()) {
    double background = 0;
    for (const model::BinIndex end = bin + bins; bin < end; ++bin)
      background = std::max(background, BackgroundAt(bin) / options_.capacity_cores);
    load.later.push_back(Scaled(step, factor, background));
  }
}

// More demand never means less CPU, so quantiles of demand become quantiles of utilisation.
void LoadBook::ToUtilisation(ShardLoad& load) const {
  const double factor = estimator_.cpu.weight[static_cast<std::size_t>(model::DemandKind::kReads)] /
                        options_.capacity_cores;
  std::vector<double> background;
  for (std::size_t i = 0; i < load.fan.steps.size(); ++i) {
    const model::BinIndex bin = load.fan.origin + static_cast<model::BinIndex>(i) + 1;
    background.push_back(BackgroundAt(bin) / options_.capacity_cores);
    load.fan.steps[i] = Scaled(load.fan.steps[i], factor, background[i]);
  }
  for (double& scale : load.fan.scale) scale *= factor;
  for (model::WindowMaximum& window : load.fan.windows) {
    double most = 0;
    for (std::size_t i = 0; i < background.size() && static_cast<int>(i) < window.bins; ++i)
      most = std::max(most, background[i]);
    window.maximum = Scaled(window.maximum, factor, most);
  }
  for (std::vector<double>& path : load.scenarios.paths) {
    for (std::size_t i = 0; i < path.size() && i < background.size(); ++i)
      path[i] = background[i] + factor * path[i];
  }
}

std::vector<forecast::StepReport> LoadBook::Report(const model::ShardId& shard) const {
  const auto entry = entries_.find(shard);
  if (entry == entries_.end() || !entry->second.fitted) return {};
  return forecast::Explain(*entry->second.fitted);
}

}  // namespace foreshard::op
