#include "forecast/shared.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "forecast/hourly/pool.h"
#include "forecast/series.h"

namespace foreshard::forecast {

namespace {

constexpr std::uint32_t kMagic = 0x47534643;  // "CFSG"
constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kNetworkBytesMax = 64 << 20;
constexpr int kPoolReach = 2;  // steps h - 2 .. h + 2 are pooled

constexpr std::int64_t kFineTuneShare = 5;  // a fifth of the windows for the newest data

bool WantsLstm(const Options& options) {
  const auto has = [](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), "lstm") != names.end();
  };
  if (has(options.without_models) || options.reference_rule) return false;
  return options.only_models.empty() || has(options.only_models);
}

// The old network first; the new one goes on from it.
Status TrainLstm(const std::vector<Past>& now, const std::vector<Past>& old, const Options& options,
                 const Executor& run, const StopAsked& stop, GlobalModels& global) {
  const GlobalLstmOptions wanted =
      LstmOptionsFor(options.day_bins, options.week_bins, options.horizon_bins);
  Result<GlobalLstm> first = GlobalLstm::Fit(old, wanted, run, stop);
  if (!first) return first.error();
  global.old_lstm = std::make_shared<const GlobalLstm>(*std::move(first));
  Result<GlobalLstm> second =
      global.old_lstm->FineTuned(now, wanted.windows / kFineTuneShare, run, stop);
  if (!second) return second.error();
  global.lstm = std::make_shared<const GlobalLstm>(*std::move(second));
  return Ok();
}

void PutText(ByteWriter& out, const std::string& text) {
  out.PutAll(std::vector<char>(text.begin(), text.end()));
}

}  // namespace

Shared::Shared() : global_(std::make_unique<GlobalModels>()) {}
Shared::~Shared() = default;
Shared::Shared(Shared&&) noexcept = default;
Shared& Shared::operator=(Shared&&) noexcept = default;

Result<Shared> Shared::Train(std::span<const History> histories, const Options& options,
                             int leave_out, const Executor& run, const StopAsked& stop) {
  std::vector<Series> series;
  for (const History& history : histories) {
    Result<Series> one = Series::FromHistory(history, options);
    if (!one) return one.error();
    series.push_back(*std::move(one));
  }
  std::vector<Past> now;
  std::vector<Past> old;
  for (const Series& one : series) {
    now.push_back(one.View());
    old.push_back(now.back().Before(leave_out));
  }
  Shared shared;
  GlobalModels& global = *shared.global_;
  const auto fit = [&options](const std::vector<Past>& pasts, bool log) {
    return GlobalRidge::Fit(
        pasts, {.week = options.week_bins > 0 ? options.week_bins : 7 * options.day_bins,
                .horizon = options.horizon_bins,
                .log = log});
  };
  if (options.pool == Pool::kHourly) {
    run({[&] { global.linear = fit(now, false); }, [&] { global.log = fit(now, true); },
         [&] { global.old_linear = fit(old, false); }, [&] { global.old_log = fit(old, true); }});
  }
  PriorProfiles profiles = PriorProfiles::Fit(now);
  if (!profiles.empty())
    global.profiles = std::make_shared<const PriorProfiles>(std::move(profiles));
  if (!WantsLstm(options)) return shared;
  const Status trained = TrainLstm(now, old, options, run, stop, global);
  if (!trained) return trained.error();
  return shared;
}

void Shared::Pool(std::span<const Fitted> series) {
  std::vector<std::vector<double>> by_step;
  for (const Fitted& one : series) {
    const auto* pool = dynamic_cast<const HourlyPool*>(&one.state());
    if (pool == nullptr) continue;
    const Eigen::ArrayXXd scaled = pool->ScaledErrors();
    by_step.resize(std::max(by_step.size(), static_cast<std::size_t>(scaled.rows())));
    for (Eigen::Index h = 0; h < scaled.rows(); ++h) {
      for (const double error : scaled.row(h)) {
        if (!std::isfinite(error)) continue;
        for (Eigen::Index at = std::max<Eigen::Index>(0, h - kPoolReach);
             at <= std::min(scaled.rows() - 1, h + kPoolReach); ++at) {
          by_step[static_cast<std::size_t>(at)].push_back(error);
        }
      }
    }
  }
  pooled_.clear();
  for (const std::vector<double>& errors : by_step) {
    if (errors.empty()) {
      pooled_.clear();
      return;
    }
    pooled_.push_back(model::QuantilesOf(errors));
  }
}

std::string Shared::Serialize() const {
  ByteWriter body;
  for (const GlobalRidge* ridge :
       {&global_->linear, &global_->log, &global_->old_linear, &global_->old_log}) {
    ridge->Save(body);
  }
  body.Put(static_cast<std::uint32_t>(pooled_.size()));
  for (const model::Quantiles& row : pooled_) body.PutAll(row);
  for (const auto& lstm : {global_->lstm, global_->old_lstm}) {
    PutText(body, lstm ? lstm->Serialize() : std::string());
  }
  (global_->profiles ? *global_->profiles : PriorProfiles()).Save(body);
  const std::string bytes = body.Take();
  ByteWriter head;
  head.Put(kMagic);
  head.Put(kVersion);
  head.Put(Checksum(bytes));
  return head.Take() + bytes;
}

Result<Shared> Shared::Parse(std::string_view bytes) {
  constexpr std::size_t kHeadBytes = 4 + 4 + 8;
  ByteReader head(bytes);
  if (head.Get<std::uint32_t>() != kMagic)
    return Error::GiveUp("not the weights of a forecast", "BadState");
  const auto version = head.Get<std::uint32_t>();
  if (version != kVersion) {
    return Error::GiveUp(
        fmt::format("weights have version {}, this program reads {}", version, kVersion),
        "OldState");
  }
  const auto checksum = head.Get<std::uint64_t>();
  if (!head.good() || Checksum(bytes.substr(kHeadBytes)) != checksum) {
    return Error::GiveUp("weights are damaged: checksum", "BadState");
  }
  ByteReader body(bytes.substr(kHeadBytes));
  Shared shared;
  GlobalModels& global = *shared.global_;
  for (GlobalRidge* ridge : {&global.linear, &global.log, &global.old_linear, &global.old_log}) {
    if (!ridge->Load(body)) return Error::GiveUp("weights are damaged: global ridge", "BadState");
  }
  constexpr std::uint32_t kStepsMax = 4096;
  shared.pooled_.resize(std::min(body.Get<std::uint32_t>(), kStepsMax));
  for (model::Quantiles& row : shared.pooled_) body.GetAll(row);
  for (std::shared_ptr<const GlobalLstm>* lstm : {&global.lstm, &global.old_lstm}) {
    const std::vector<char> text = body.GetVector<char>(kNetworkBytesMax);
    if (text.empty()) continue;
    Result<GlobalLstm> network = GlobalLstm::Parse({text.data(), text.size()});
    if (!network) return network.error();
    *lstm = std::make_shared<const GlobalLstm>(*std::move(network));
  }
  PriorProfiles profiles;
  if (!profiles.Load(body)) return Error::GiveUp("weights are damaged: profiles", "BadState");
  if (!profiles.empty())
    global.profiles = std::make_shared<const PriorProfiles>(std::move(profiles));
  if (!body.good() || !body.AtEnd())
    return Error::GiveUp("weights are damaged: wrong length", "BadState");
  return shared;
}

}  // namespace foreshard::forecast
