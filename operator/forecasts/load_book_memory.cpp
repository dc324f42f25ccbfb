#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "operator/forecasts/load_book.h"

// What a load book keeps over restarts, and what it lets others learn for it.

namespace foreshard::op {

namespace {

constexpr double kLevelChange = 0.02;      // relative: another history, or other costs
constexpr int kSavedDaysMost = 2;          // what is older is learned from the replay as well
constexpr std::size_t kRefitsPerJob = 50;  // bounds the memory of the copies
constexpr std::size_t kTrainedShardsMost = 200;

// Mean of the known bins of the season that ends at `last`.
double LevelAt(const model::DemandSeries& series, model::BinIndex last, int season) {
  double sum = 0;
  double count = 0;
  for (model::BinIndex at = std::max(series.first, last - season + 1); at <= last; ++at) {
    const auto i = static_cast<std::size_t>(at - series.first);
    if (i >= series.mean.size() || series.state[i] == model::BinState::kMissing) continue;
    sum += series.mean[i];
    count += 1;
  }
  return count > 0 ? sum / count : 0;
}

model::DemandSeries Until(const model::DemandSeries& series, model::BinIndex last) {
  model::DemandSeries head = series;
  const auto length = static_cast<std::size_t>(last - series.first + 1);
  head.mean.resize(length);
  head.peak.resize(length);
  head.state.resize(length);
  return head;
}

}  // namespace

std::string LoadBook::Grid() const {
  return fmt::format("bin {} s, seasons {} and {} bins, horizon {} bins", options_.bin.count(),
                     forecast_options_.day_bins, forecast_options_.week_bins,
                     forecast_options_.horizon_bins);
}

forecast::Counts LoadBook::Count() const {
  forecast::Counts all;
  for (const auto& [shard, entry] : entries_) {
    if (!entry.fitted) continue;
    const forecast::Counts one = forecast::CountsOf(*entry.fitted);
    all.drift_alarms += one.drift_alarms;
    all.refits += one.refits;
    all.refits_refused += one.refits_refused;
  }
  return all;
}

std::optional<SavedForecast> LoadBook::Save(const model::ShardId& shard) const {
  const auto found = entries_.find(shard);
  if (found == entries_.end() || !found->second.fitted) return std::nullopt;
  const forecast::Fitted& fitted = *found->second.fitted;
  return SavedForecast{
      .grid = Grid(),
      .last = fitted.last(),
      .write_weight = write_weight_,
      .level = LevelAt(found->second.history, fitted.last(), forecast_options_.day_bins),
      .state = forecast::Serialize(fitted)};
}

void LoadBook::Restore(SavedForecasts saved) {
  std::erase_if(saved.shards, [this](const auto& one) { return one.second.grid != Grid(); });
  const SavedForecast* newest = nullptr;
  for (const auto& [shard, one] : saved.shards) {
    if (newest == nullptr || one.last > newest->last) newest = &one;
  }
  if (newest != nullptr && newest->write_weight > 0) write_weight_ = newest->write_weight;
  saved_ = std::move(saved.shards);
  if (saved.network.grid != Grid()) return;
  network_ = std::move(saved.network);
  network_tried_at_ = network_.trained_at;
}

// The state as it was saved, with the history up to there; the bins since then follow as new ones.
void LoadBook::Reopen(const SavedForecast& saved, const model::DemandSeries& series,
                      const forecast::Calendar& calendar, Entry& entry) {
  const int day = forecast_options_.day_bins;
  const bool in_reach = saved.last >= series.first && saved.last <= series.last() &&
                        series.last() - saved.last <= kSavedDaysMost * day;
  if (!in_reach) return;
  const double level = LevelAt(series, saved.last, day);
  if (std::abs(level - saved.level) > kLevelChange * std::max(level, saved.level)) return;
  model::DemandSeries head = Until(series, saved.last);
  Result<forecast::Fitted> fitted =
      forecast::Parse(saved.state, head, calendar, forecast_options_, network_.weights.get());
  if (!fitted) {
    log::Warning("forecast_discarded", {{"problem", fitted.error().message}});
    return;
  }
  entry.fitted = *std::move(fitted);
  entry.history = std::move(head);
  entry.calendar = calendar;
  entry.fits = ++fits_;
}

// A second season of history twice over, and then once each second season.
bool LoadBook::NetworkDue() const {
  const int week = forecast_options_.week_bins;
  if (week <= 0) return false;
  model::BinIndex newest = 0;
  std::size_t longest = 0;
  for (const auto& [shard, entry] : entries_) {
    if (!entry.fitted) continue;
    newest = std::max(newest, entry.fitted->last());
    longest = std::max(longest, entry.history.mean.size());
  }
  if (longest < 2 * static_cast<std::size_t>(week)) return false;
  return network_tried_at_ == 0 || newest - network_tried_at_ >= week;
}

std::optional<RetrainJob> LoadBook::Due() {
  if (!options_.learns_beside || asked_) return std::nullopt;
  RetrainJob job{
      .options = forecast_options_, .due = {}, .histories = {}, .shared = network_.weights};
  const bool network = NetworkDue();
  for (const auto& [shard, entry] : entries_) {
    if (!entry.fitted) continue;
    if (network) network_tried_at_ = std::max(network_tried_at_, entry.fitted->last());
    if (network && job.histories.size() < kTrainedShardsMost)
      job.histories.push_back(entry.history);
    if (job.due.size() >= kRefitsPerJob || !forecast::RefitDue(*entry.fitted)) continue;
    job.due.emplace(shard, *entry.fitted);
    asked_for_[shard] = entry.fits;
  }
  if (job.due.empty() && job.histories.empty()) return std::nullopt;
  asked_ = true;
  return job;
}

void LoadBook::Adopt(Retrained learned) {
  if (!asked_) return;
  asked_ = false;
  if (learned.shared) {
    network_.weights = std::move(learned.shared);
    network_.grid = Grid();
    network_.trained_at = network_tried_at_;
  } else if (!learned.problem.empty()) {
    network_tried_at_ -= forecast_options_.week_bins - forecast_options_.day_bins;  // a day later
  }
  const std::map<model::ShardId, std::int64_t> asked = std::exchange(asked_for_, {});
  for (auto& [shard, fitted] : learned.fitted) {
    const auto found = entries_.find(shard);
    if (found == entries_.end() || !found->second.fitted) continue;
    Entry& entry = found->second;
    const auto was = asked.find(shard);
    if (was == asked.end() || was->second != entry.fits) continue;
    const model::DemandSeries& history = entry.history;
    std::optional<forecast::Fitted> now = std::move(fitted);
    for (model::BinIndex at = now->last() + 1; now && at <= entry.fitted->last(); ++at) {
      const auto i = static_cast<std::size_t>(at - history.first);
      Result<forecast::Fitted> next = forecast::Update(
          *std::move(now),
          {.at = at, .mean = history.mean[i], .peak = history.peak[i], .state = history.state[i]});
      now = next ? std::optional(*std::move(next)) : std::nullopt;
    }
    if (now) entry.fitted = *std::move(now);
  }
}

namespace {

// Highest utilisation in each place of the season, mean of the seasons that were seen. `of` is the
// utilisation of a demand in a bin.
template <typename Utilisation>
std::vector<double> UsualSeason(const model::DemandSeries& history, int season, int step,
                                const Utilisation& of) {
  const auto places = static_cast<std::size_t>(season / step);
  std::vector<double> sum(places);
  std::vector<int> count(places);
  std::vector<double> highest(places, -1);
  std::vector<model::BinIndex> round(places, -1);
  const auto close = [&](std::size_t place) {
    if (highest[place] < 0) return;
    sum[place] += highest[place];
    ++count[place];
    highest[place] = -1;
  };
  for (std::size_t i = 0; i < history.mean.size(); ++i) {
    if (history.state[i] == model::BinState::kMissing) continue;
    const model::BinIndex bin = history.first + static_cast<model::BinIndex>(i);
    const auto place = static_cast<std::size_t>(bin / step) % places;
    if (round[place] != bin / season) close(place);
    round[place] = bin / season;
    highest[place] = std::max(highest[place], of(history.mean[i], bin));
  }
  double last = 0;
  for (std::size_t place = 0; place < places; ++place) {
    close(place);
    // A gap that no season fills: what was before it.
    if (count[place] > 0) last = sum[place] / count[place];
    sum[place] = last;
  }
  return sum;
}

}  // namespace

int LoadBook::UsualStep(int places_max) const {
  const int longest = std::max(forecast_options_.day_bins, forecast_options_.week_bins);
  int step = std::max(1, longest / std::max(1, places_max));
  while (step < forecast_options_.day_bins &&
         (forecast_options_.day_bins % step != 0 || forecast_options_.week_bins % step != 0 ||
          longest / step > places_max))
    ++step;
  return step;
}

std::map<model::ShardId, std::vector<double>> LoadBook::Usual(int step_bins) const {
  const double factor = estimator_.cpu.weight[static_cast<std::size_t>(model::DemandKind::kReads)] /
                        options_.capacity_cores;
  const auto utilisation = [&](double demand, model::BinIndex bin) {
    return BackgroundAt(bin) / options_.capacity_cores + factor * demand;
  };
  std::map<model::ShardId, std::vector<double>> usual;
  for (const auto& [shard, entry] : entries_) {
    const auto seen = static_cast<int>(entry.history.mean.size());
    const int season = seen >= forecast_options_.week_bins && forecast_options_.week_bins > 0
                           ? forecast_options_.week_bins
                           : forecast_options_.day_bins;
    if (seen < season || estimator_.excluded || season % step_bins != 0) continue;
    usual[shard] = UsualSeason(entry.history, season, step_bins, utilisation);
  }
  return usual;
}

}  // namespace foreshard::op
