#include "forecast/forecaster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "forecast/fine/pool.h"
#include "forecast/hourly/pool.h"
#include "forecast/state.h"

namespace foreshard::forecast {

namespace {

constexpr std::uint32_t kMagic = 0x46534643;  // "FSFC"
constexpr std::uint32_t kVersion = 4;
constexpr int kDayBinsMax = 24 * 60;
constexpr int kKeptDaysMax = 400;

Status CheckOptions(const Options& options) {
  const auto bad = [](const char* field, auto value, const char* wanted) {
    return Error::GiveUp(fmt::format("forecast option {} is {}: {}", field, value, wanted),
                         "BadOptions");
  };
  if (options.bin.count() <= 0) return bad("bin", options.bin.count(), "must be positive");
  if (options.day_bins < 2 || options.day_bins > kDayBinsMax)
    return bad("day_bins", options.day_bins, "2 to 1440");
  if (options.week_bins < 0 || (options.week_bins > 0 && options.week_bins <= options.day_bins)) {
    return bad("week_bins", options.week_bins, "0 or more than a day");
  }
  if (options.horizon_bins < 1 || options.horizon_bins > kHorizonMax) {
    return bad("horizon_bins", options.horizon_bins, "1 to 512");
  }
  if (options.replay_days < 0)
    return bad("replay_days", options.replay_days, "must not be negative");
  if (options.kept_days < 3 || options.kept_days > kKeptDaysMax)
    return bad("kept_days", options.kept_days, "3 to 400");
  return Ok();
}

}  // namespace

Fitted::Fitted(std::unique_ptr<detail::State> state) : state_(std::move(state)) {}
Fitted::Fitted(const Fitted& other) : state_(other.state_->Clone()) {}
Fitted& Fitted::operator=(const Fitted& other) {
  if (this != &other) state_ = other.state_->Clone();
  return *this;
}
Fitted::Fitted(Fitted&&) noexcept = default;
Fitted& Fitted::operator=(Fitted&&) noexcept = default;
Fitted::~Fitted() = default;

model::BinIndex Fitted::last() const { return state_->last(); }

Result<Fitted> Fit(const History& history, const Calendar& calendar, const Options& options,
                   const Shared* shared, Random& random) {
  const Status valid = CheckOptions(options);
  if (!valid) return valid.error();
  Result<std::unique_ptr<detail::State>> state =
      options.pool == Pool::kFine ? FinePool::Fit(history, calendar, options, shared, random)
                                  : HourlyPool::Fit(history, calendar, options, shared, random);
  if (!state) return state.error();
  return Fitted(*std::move(state));
}

Result<Fitted> Update(Fitted fitted, const Bin& bin) {
  const Status learned = fitted.state().Update(bin);
  if (!learned) return learned.error();
  return fitted;
}

bool RefitDue(const Fitted& fitted) { return fitted.state().RefitDue(); }

Result<Fitted> Refit(Fitted fitted, const Shared* shared, Random& random) {
  const Status done = fitted.state().Refit(shared, random);
  if (!done) return done.error();
  return fitted;
}

model::Fan Forecast(const Fitted& fitted, Horizon horizon) {
  model::Fan fan;
  ForecastInto(fitted, horizon, fan);
  return fan;
}

void ForecastInto(const Fitted& fitted, Horizon horizon, model::Fan& fan) {
  const int most = fitted.state().options().horizon_bins;
  fitted.state().Forecast(horizon.bins <= 0 ? most : std::min(horizon.bins, most), fan);
}

model::Scenarios Draw(const Fitted& fitted, Horizon horizon) {
  const int most = fitted.state().options().horizon_bins;
  return fitted.state().Draw(horizon.bins <= 0 ? most : std::min(horizon.bins, most));
}

model::Trust Score(const Fitted& fitted) { return fitted.state().Score(); }

std::vector<StepReport> Explain(const Fitted& fitted) { return fitted.state().Explain(); }

Counts CountsOf(const Fitted& fitted) { return fitted.state().Count(); }

bool IsModel(Pool pool, std::string_view name) {
  const auto known = [name](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return pool == Pool::kFine ? known(kFineModelNames) : known(kHourlyModelNames);
}

Fitted Inherit(Fitted child, std::span<const Parent> parents) {
  child.state().Inherit(parents);
  return child;
}

std::string Serialize(const Fitted& fitted) {
  ByteWriter body;
  fitted.state().Save(body);
  const std::string bytes = body.Take();
  ByteWriter head;
  head.Put(kMagic);
  head.Put(kVersion);
  head.Put(static_cast<std::uint8_t>(fitted.state().options().pool));
  head.Put(Checksum(bytes));
  return head.Take() + bytes;
}

Result<Fitted> Parse(std::string_view bytes, const History& history, const Calendar& calendar,
                     const Options& options, const Shared* shared) {
  const Status valid = CheckOptions(options);
  if (!valid) return valid.error();
  ByteReader head(bytes);
  const auto magic = head.Get<std::uint32_t>();
  const auto version = head.Get<std::uint32_t>();
  const auto pool = head.Get<std::uint8_t>();
  const auto checksum = head.Get<std::uint64_t>();
  if (!head.good() || magic != kMagic)
    return Error::GiveUp("not the state of a forecast", "BadState");
  if (version != kVersion) {
    return Error::GiveUp(
        fmt::format("state has version {}, this program reads {}", version, kVersion), "OldState");
  }
  constexpr std::size_t kHeadBytes = 4 + 4 + 1 + 8;
  const std::string_view body = bytes.substr(kHeadBytes);
  if (Checksum(body) != checksum) return Error::GiveUp("state is damaged: checksum", "BadState");
  if (pool != static_cast<std::uint8_t>(options.pool))
    return Error::GiveUp("state is of another pool", "OldState");
  Result<std::unique_ptr<detail::State>> state =
      options.pool == Pool::kFine ? FinePool::Blank(history, calendar, options, shared)
                                  : HourlyPool::Blank(history, calendar, options, shared);
  if (!state) return state.error();
  ByteReader reader(body);
  const Status loaded = (*state)->Load(reader);
  if (!loaded) return loaded.error();
  return Fitted(*std::move(state));
}

}  // namespace foreshard::forecast
