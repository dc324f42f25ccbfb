#include <time.h>

#include <algorithm>
#include <cmath>

#include "bench/forecast_accuracy/parts.h"
#include "forecast/shared.h"

namespace foreshard::bench {

namespace {

constexpr int kRounds = 11;

// Of this process, so that a busy machine changes little.
double CpuMillis() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

forecast::History Wave(int bins, int day, std::uint64_t seed) {
  Random random(seed);
  forecast::History history;
  history.first = 1'000 * day;
  for (int i = 0; i < bins; ++i) {
    const double wave = 100 + 60 * std::sin(6.283185307179586 * i / day);
    history.mean.push_back(wave * std::exp(0.1 * random.Normal()));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

forecast::Fitted MustFit(const forecast::History& history, const forecast::Options& options,
                         const forecast::Shared* shared = nullptr) {
  Random random(1);
  Result<forecast::Fitted> fitted = forecast::Fit(history, {}, options, shared, random);
  CHECK(fitted.ok(), "fit");
  return *std::move(fitted);
}

void Go(forecast::Fitted& fitted, double mean) {
  const model::BinIndex at = fitted.last() + 1;
  Result<forecast::Fitted> next = Update(std::move(fitted), {.at = at, .mean = mean, .peak = mean});
  CHECK(next.ok(), "update");
  fitted = *std::move(next);
}

double RefitMillis(forecast::Fitted& fitted, int bins_between) {
  std::vector<double> millis;
  Random random(2);
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < bins_between; ++i) Go(fitted, 100 + 10 * random.Unit());
    const double start = CpuMillis();
    Result<forecast::Fitted> again = Refit(std::move(fitted), nullptr, random);
    millis.push_back(CpuMillis() - start);
    CHECK(again.ok(), "refit");
    fitted = *std::move(again);
  }
  return Median(millis);
}

double UpdateMillis(forecast::Fitted& fitted) {
  model::Fan fan;
  ForecastInto(fitted, {}, fan);
  std::vector<double> millis;
  Random random(3);
  for (int round = 0; round < kRounds; ++round) {
    constexpr int kBins = 100;
    const double start = CpuMillis();
    for (int i = 0; i < kBins; ++i) {
      Go(fitted, 100 + 10 * random.Unit());
      ForecastInto(fitted, {}, fan);
    }
    millis.push_back((CpuMillis() - start) / kBins);
  }
  return Median(millis);
}

// 500 series of four weeks at five minutes: the network draws its windows from all of them.
forecast::Shared TrainOnMany(const forecast::Options& options, double& seconds) {
  constexpr std::uint64_t kSeries = 500;
  std::vector<forecast::History> all;
  for (std::uint64_t i = 0; i < kSeries; ++i)
    all.push_back(Wave(28 * options.day_bins, options.day_bins, 10 + i));
  const double start = CpuMillis();
  Result<forecast::Shared> shared =
      forecast::Shared::Train(all, options, options.replay_days * options.day_bins);
  CHECK(shared.ok(), "train");
  seconds = (CpuMillis() - start) / 1e3;
  return *std::move(shared);
}

}  // namespace

CostSummary RunCost() {
  CostSummary cost;
  const forecast::Options fine;
  forecast::Fitted fitted = MustFit(Wave(14 * 288, 288, 1), fine);
  cost.fine_refit = RefitMillis(fitted, 1);

  cost.fine_update = UpdateMillis(fitted);
  const forecast::Shared shared = TrainOnMany(fine, cost.network_seconds);
  forecast::Fitted asked = MustFit(Wave(14 * 288, 288, 1), fine, &shared);
  cost.network_update = UpdateMillis(asked);
  cost.thousand_shards = 1'000 * cost.network_update;

  forecast::Options hourly;
  hourly.pool = forecast::Pool::kHourly;
  hourly.bin = std::chrono::hours(1);
  hourly.day_bins = 24;
  hourly.week_bins = 168;
  hourly.horizon_bins = 48;
  forecast::Fitted days = MustFit(Wave(28 * 24, 24, 4), hourly);
  cost.hourly_refit = RefitMillis(days, 24);
  return cost;
}

}  // namespace foreshard::bench
