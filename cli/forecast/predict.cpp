#include "cli/forecast/predict.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "cli/forecast/report.h"
#include "forecast/bytes.h"
#include "forecast/shared.h"

namespace foreshard::cli {

namespace {

constexpr std::uint32_t kMagic = 0x54534346;  // "FCST"
constexpr std::size_t kBytesMax = 256 << 20;
constexpr std::size_t kShownDays = 2;

forecast::Options OptionsFor(const model::DemandSeries& series, const PredictOptions& options) {
  forecast::Options wanted = options.forecast;
  wanted.bin = series.bin;
  wanted.day_bins = static_cast<int>(options.day / series.bin);
  wanted.week_bins = static_cast<int>(options.week / series.bin);
  wanted.horizon_bins = std::max(1, static_cast<int>(options.horizon / series.bin));
  return wanted;
}

struct Known {
  forecast::Shared shared;
  forecast::Fitted fitted;
};

Result<Known> FitAnew(const model::DemandSeries& series, const PredictOptions& options) {
  const forecast::Options wanted = OptionsFor(series, options);
  Result<forecast::Shared> shared =
      forecast::Shared::Train(std::span(&series, 1), wanted, wanted.replay_days * wanted.day_bins);
  if (!shared) return shared.error();
  Random random(options.seed);
  Result<forecast::Fitted> fitted = Fit(series, options.calendar, wanted, &*shared, random);
  if (!fitted) return fitted.error();
  return Known{*std::move(shared), *std::move(fitted)};
}

void PutText(forecast::ByteWriter& out, const std::string& text) {
  out.PutAll(std::vector<char>(text.begin(), text.end()));
}

Result<Known> ParseState(const model::DemandSeries& series, const PredictOptions& options,
                         std::string_view state) {
  forecast::ByteReader in(state);
  if (in.Get<std::uint32_t>() != kMagic)
    return Error::GiveUp("not a state of this program", "BadState");
  const auto last = in.Get<model::BinIndex>();
  const std::vector<char> weights = in.GetVector<char>(kBytesMax);
  const std::vector<char> bytes = in.GetVector<char>(kBytesMax);
  if (!in.good() || !in.AtEnd()) return Error::GiveUp("the state is cut off", "BadState");
  if (last < series.first || last > series.last()) {
    return Error::GiveUp(
        fmt::format("the state ends at {}, outside of the trace", TimeOf(last, series.bin)),
        "OldState");
  }
  Result<forecast::Shared> shared = forecast::Shared::Parse({weights.data(), weights.size()});
  if (!shared) return shared.error();
  model::DemandSeries prefix = series;
  const auto bins = static_cast<std::size_t>(last - series.first + 1);
  prefix.mean.resize(bins);
  prefix.peak.resize(bins);
  prefix.state.resize(bins);
  Result<forecast::Fitted> fitted =
      forecast::Parse({bytes.data(), bytes.size()}, prefix, options.calendar,
                      OptionsFor(series, options), &*shared);
  if (!fitted) return fitted.error();
  return Known{*std::move(shared), *std::move(fitted)};
}

// Learns the bins after the state, as if they came in one by one.
Status CatchUp(const model::DemandSeries& series, const PredictOptions& options, Known& known) {
  Random random(options.seed);
  for (model::BinIndex at = known.fitted.last() + 1; at <= series.last(); ++at) {
    if (RefitDue(known.fitted)) {
      Result<forecast::Fitted> again = Refit(std::move(known.fitted), &known.shared, random);
      if (!again) return again.error();
      known.fitted = *std::move(again);
    }
    const auto i = static_cast<std::size_t>(at - series.first);
    Result<forecast::Fitted> next = Update(
        std::move(known.fitted),
        {.at = at, .mean = series.mean[i], .peak = series.peak[i], .state = series.state[i]});
    if (!next) return next.error();
    known.fitted = *std::move(next);
  }
  return Ok();
}

}  // namespace

Result<std::string> FitState(const model::DemandSeries& series, const PredictOptions& options) {
  const Result<Known> known = FitAnew(series, options);
  if (!known) return known.error();
  forecast::ByteWriter out;
  out.Put(kMagic);
  out.Put(known->fitted.last());
  PutText(out, known->shared.Serialize());
  PutText(out, Serialize(known->fitted));
  return out.Take();
}

Result<Prediction> Predict(const model::DemandSeries& series, const PredictOptions& options,
                           std::string_view state) {
  Prediction prediction;
  Result<Known> known = Error::GiveUp("no state");
  if (!state.empty()) {
    known = ParseState(series, options, state);
    if (!known) prediction.note = known.error().message;
  }
  if (!known) known = FitAnew(series, options);
  if (!known) return known.error();
  const Status caught_up = CatchUp(series, options, *known);
  if (!caught_up) return caught_up.error();
  prediction.fan = Forecast(known->fitted, {});
  prediction.trust = Score(known->fitted);
  prediction.steps = Explain(known->fitted);
  prediction.peak_time = model::PeakTime(Draw(known->fitted, {}));
  prediction.threshold = options.threshold;
  prediction.recent = series;
  const auto day = static_cast<std::size_t>(options.day / series.bin);
  // Of the past enough to judge what is ahead, and not so much that it cannot be seen.
  const std::size_t shown =
      std::min(kShownDays * day, std::max(day / 4, 4 * prediction.fan.steps.size()));
  const std::size_t drop = series.mean.size() - std::min(series.mean.size(), shown);
  const auto cut = static_cast<std::ptrdiff_t>(drop);
  prediction.recent.first += static_cast<model::BinIndex>(drop);
  prediction.recent.mean.erase(prediction.recent.mean.begin(),
                               prediction.recent.mean.begin() + cut);
  prediction.recent.peak.erase(prediction.recent.peak.begin(),
                               prediction.recent.peak.begin() + cut);
  prediction.recent.state.erase(prediction.recent.state.begin(),
                                prediction.recent.state.begin() + cut);
  return prediction;
}

std::string TimeOf(model::BinIndex at, std::chrono::seconds bin) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(at * bin.count())));
}

std::string PredictJson(const Prediction& prediction) {
  const model::Fan& fan = prediction.fan;
  std::string json = fmt::format(R"({{"origin":{},"binSeconds":{},"trust":{},"levels":[)",
                                 Quoted(TimeOf(fan.origin, fan.bin)), fan.bin.count(),
                                 Number(prediction.trust.Value(), 4));
  for (std::size_t i = 0; i < model::kFanLevels; ++i)
    json += fmt::format("{}{}", i == 0 ? "" : ",", model::kLevels[i]);
  json += R"(],"steps":[)";
  for (std::size_t h = 0; h < fan.steps.size(); ++h) {
    const auto at = fan.origin + static_cast<model::BinIndex>(h) + 1;
    json += fmt::format(R"({}{{"time":{},"quantiles":[)", h == 0 ? "" : ",",
                        Quoted(TimeOf(at, fan.bin)));
    for (std::size_t i = 0; i < model::kFanLevels; ++i)
      json += fmt::format("{}{}", i == 0 ? "" : ",", Number(fan.steps[h][i], 6));
    json += "]";
    if (h < prediction.peak_time.size())
      json += fmt::format(R"(,"peakHere":{})", Number(prediction.peak_time[h], 4));
    if (prediction.threshold) {
      json += fmt::format(R"(,"exceedance":{})",
                          Number(model::Exceedance(fan, h + 1, *prediction.threshold), 4));
    }
    json += "}";
  }
  json += "]";
  if (prediction.threshold) {
    json += fmt::format(
        R"(,"threshold":{},"exceedanceInHorizon":{})", Number(*prediction.threshold, 6),
        Number(model::ExceedanceInWindow(fan, fan.steps.size(), *prediction.threshold), 4));
  }
  json += R"(,"windows":[)";
  for (std::size_t w = 0; w < fan.windows.size(); ++w) {
    json += fmt::format(R"({}{{"bins":{},"maximum":[)", w == 0 ? "" : ",", fan.windows[w].bins);
    for (std::size_t i = 0; i < model::kFanLevels; ++i)
      json += fmt::format("{}{}", i == 0 ? "" : ",", Number(fan.windows[w].maximum[i], 6));
    json += "]}";
  }
  return json + "]}";
}

namespace {

// When the peak will be, and how likely the threshold is passed, at all and when most.
std::string Likelihoods(const Prediction& prediction) {
  const model::Fan& fan = prediction.fan;
  const auto time_of = [&fan](std::size_t h) {
    return TimeOf(fan.origin + static_cast<model::BinIndex>(h) + 1, fan.bin);
  };
  std::string text;
  const std::vector<double>& peak = prediction.peak_time;
  if (!peak.empty()) {
    const auto most = static_cast<std::size_t>(std::ranges::max_element(peak) - peak.begin());
    text += fmt::format("\npeak most likely at {} ({:.0f} %)\n", time_of(most), 100 * peak[most]);
  }
  if (!prediction.threshold || fan.steps.empty()) return text;
  const double threshold = *prediction.threshold;
  std::size_t most = 0;
  for (std::size_t h = 1; h < fan.steps.size(); ++h) {
    if (model::Exceedance(fan, h + 1, threshold) > model::Exceedance(fan, most + 1, threshold))
      most = h;
  }
  return text + fmt::format("over {}: {:.1f} % within the horizon, most at {} ({:.1f} %)\n",
                            threshold,
                            100 * model::ExceedanceInWindow(fan, fan.steps.size(), threshold),
                            time_of(most), 100 * model::Exceedance(fan, most + 1, threshold));
}

}  // namespace

std::string PredictTable(const Prediction& prediction) {
  const model::Fan& fan = prediction.fan;
  std::string table = fmt::format("{:<22} {:>11} {:>11} {:>11} {:>11} {:>11}\n", "time", "5 %",
                                  "25 %", "median", "75 %", "95 %");
  for (std::size_t h = 0; h < fan.steps.size(); ++h) {
    const model::Quantiles& q = fan.steps[h];
    table += fmt::format("{:<22} {:>11.3f} {:>11.3f} {:>11.3f} {:>11.3f} {:>11.3f}\n",
                         TimeOf(fan.origin + static_cast<model::BinIndex>(h) + 1, fan.bin), q[2],
                         q[4], q[model::kMedian], q[6], q[8]);
  }
  return table + Likelihoods(prediction) +
         fmt::format("\ntrust {:.2f} (held back most by {})\n", prediction.trust.Value(),
                     prediction.trust.Weakest());
}

std::string ExplainJson(const Prediction& prediction) {
  const model::Trust& trust = prediction.trust;
  std::string json =
      fmt::format(R"({{"trust":{{"value":{},"history":{},"data":{},"skill":{},"coverage":{},)",
                  Number(trust.Value(), 4), Number(trust.history, 4), Number(trust.data, 4),
                  Number(trust.skill, 4), Number(trust.coverage, 4));
  json += fmt::format(R"("drift":{},"freshness":{}}},"steps":[)", Number(trust.drift, 4),
                      Number(trust.freshness, 4));
  for (std::size_t s = 0; s < prediction.steps.size(); ++s) {
    const forecast::StepReport& step = prediction.steps[s];
    json += fmt::format(R"({}{{"bins":{},"scored":{},"error":{},"naiveError":{},"coverage90":{},)",
                        s == 0 ? "" : ",", step.step, step.scored, Number(step.ensemble_error, 6),
                        Number(step.best_naive_error, 6), Number(step.coverage90, 4));
    json += R"("models":[)";
    for (std::size_t m = 0; m < step.models.size(); ++m) {
      const forecast::ModelReport& model = step.models[m];
      json +=
          fmt::format(R"({}{{"name":{},"weight":{},"error":{},"forecast":{}}})", m == 0 ? "" : ",",
                      Quoted(std::string(model.name)), Number(model.weight, 4),
                      Number(model.recent_error, 6), Number(model.forecast, 6));
    }
    json += "]}";
  }
  return json + "]}";
}

std::string ExplainTable(const Prediction& prediction) {
  const model::Trust& t = prediction.trust;
  std::string table = fmt::format(
      "trust {:.2f} = history {:.2f} x data {:.2f} x skill {:.2f} x coverage {:.2f} x drift {:.2f} "
      "x freshness {:.2f}, at most {:.2f}\n",
      t.Value(), t.history, t.data, t.skill, t.coverage, t.drift, t.freshness, t.cap);
  for (const forecast::StepReport& step : prediction.steps) {
    table += fmt::format(
        "\n{} bins ahead: {} scored, mean error {:.3f} (best naive {:.3f}), 90 % interval held "
        "{:.1f} "
        "%\n{:<18} {:>8} {:>12} {:>12}\n",
        step.step, step.scored, step.ensemble_error, step.best_naive_error, 100 * step.coverage90,
        "model", "weight", "mean error", "forecast");
    std::vector<forecast::ModelReport> models = step.models;
    std::stable_sort(models.begin(), models.end(),
                     [](const auto& a, const auto& b) { return a.weight > b.weight; });
    for (const forecast::ModelReport& model : models) {
      table += fmt::format("{:<18} {:>8.3f} {:>12.3f} {:>12.3f}\n", model.name, model.weight,
                           model.recent_error, model.forecast);
    }
  }
  return table;
}

}  // namespace foreshard::cli
