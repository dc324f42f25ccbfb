#include "cli/plugin/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace foreshard::plugin {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kPoints = 240;  // of the past
constexpr int kRows = 12;

std::string OfLeader(const char* metric, const model::ShardSet& set, const char* by) {
  // A replica that led before still tells what it knew then.
  return fmt::format(
      "max by ({}) ({}{{namespace=\"{}\",shardset=\"{}\"}} and on (job, instance) "
      "leader_election_master_status == 1)",
      by, metric, set.name_space, set.name);
}

double Seconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::string Label(const op::MetricSeries& series, const char* name) {
  const auto found = series.labels.find(name);
  return found == series.labels.end() ? std::string() : found->second;
}

std::string Percent(const std::optional<int>& percent) {
  return percent ? fmt::format("{} %", *percent) : "?";
}

std::string At(const std::map<double, double>& values, double part) {
  const auto found = values.find(part);
  return found == values.end() ? "?" : fmt::format("{:.4g}", found->second);
}

class Picture {
 public:
  Picture(int width, double most) : width_(width), most_(most > 0 ? most : 1) {
    rows_.assign(kRows, std::vector<std::string>(static_cast<std::size_t>(width), " "));
  }
  void Put(int column, double value, const char* sign) {
    if (column < 0 || column >= width_) return;
    const int row =
        std::clamp(static_cast<int>(std::lround(value / most_ * (kRows - 1))), 0, kRows - 1);
    rows_[static_cast<std::size_t>(kRows - 1 - row)][static_cast<std::size_t>(column)] = sign;
  }
  void Line(int column, const char* sign) {
    for (auto& row : rows_) {
      if (row[static_cast<std::size_t>(column)] == " ")
        row[static_cast<std::size_t>(column)] = sign;
    }
  }
  std::string Text() const {
    std::string text;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double value =
          most_ * static_cast<double>(kRows - 1 - static_cast<int>(i)) / (kRows - 1);
      text += i % 4 == 0 || i + 1 == rows_.size() ? fmt::format("{:>8.4g} ┤", value) : "         │";
      for (const std::string& sign : rows_[i]) text += sign;
      text += "\n";
    }
    return text;
  }

 private:
  int width_;
  double most_;
  std::vector<std::vector<std::string>> rows_;
};

double Most(const ShardForecast& shard) {
  double most = 0;
  for (const op::Sample& sample : shard.demand) most = std::max(most, sample.value);
  for (const auto& [part, value] : shard.high) most = std::max(most, value);
  return most;
}

// Between the newest demand and the known parts of the horizon, straight lines.
double Between(double now, const std::map<double, double>& values, double part) {
  double from = 0;
  double before = now;
  for (const auto& [to, value] : values) {
    if (part <= to) return before + (value - before) * (part - from) / (to - from);
    from = to;
    before = value;
  }
  return before;
}

}  // namespace

Result<SetForecast> ReadForecast(op::Metrics& metrics, const model::ShardSet& set,
                                 const ForecastQuestion& question, Deadline deadline) {
  const double end = std::floor(Seconds(question.now));
  const std::chrono::milliseconds step(
      std::max<std::int64_t>(1'000, question.past.count() * 1'000 / kPoints));
  const auto demand =
      metrics.QueryRange({.expression = OfLeader("foreshard_shard_demand", set, "shard"),
                          .start_seconds = end - static_cast<double>(question.past.count()),
                          .end_seconds = end,
                          .step = step},
                         deadline);
  if (!demand) return demand.error();
  const auto ahead = metrics.QueryRange(
      {.expression = OfLeader("foreshard_shard_forecast", set, "shard, quantile, ahead"),
       .start_seconds = end,
       .end_seconds = end,
       .step = step},
      deadline);
  if (!ahead) return ahead.error();
  SetForecast forecast;
  for (const op::MetricSeries& series : *demand)
    forecast[Label(series, "shard")].demand = series.samples;
  for (const op::MetricSeries& series : *ahead) {
    if (series.samples.empty()) continue;
    ShardForecast& shard = forecast[Label(series, "shard")];
    const double part = std::strtod(Label(series, "ahead").c_str(), nullptr);
    (Label(series, "quantile") == "0.5" ? shard.median : shard.high)[part] =
        series.samples.back().value;
  }
  if (forecast.empty()) {
    return Error::GiveUp(
        fmt::format("Prometheus knows no demand of {}/{}", set.name_space, set.name), "NoForecast");
  }
  return forecast;
}

std::string ForecastText(const SetView& view, const SetForecast* forecast) {
  const model::ShardSet& set = view.set;
  std::string text =
      fmt::format("{}/{}: limit {} %, quantile {} %\n\n  {:<12} {:>6} {:>6} {:>21}", set.name_space,
                  set.name, set.spec.scaling.limit_cpu_percent,
                  set.spec.scaling.plan_quantile_percent, "shard", "cpu", "peak", "at");
  text += forecast == nullptr ? "\n"
                              : fmt::format(" {:>10} {:>21} {:>21}\n", "asked/s",
                                            "median 1/4 1/2 1", "95 % 1/4 1/2 1");
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    text += fmt::format("  {:<12} {:>6} {:>6} {:>21}", shard.id, Percent(shard.cpu_percent),
                        Percent(shard.forecast_peak_percent),
                        shard.forecast_peak_time.empty() ? "?" : shard.forecast_peak_time);
    if (forecast != nullptr) {
      const auto found = forecast->find(shard.id.value);
      const ShardForecast known = found == forecast->end() ? ShardForecast() : found->second;
      const auto all = [](const std::map<double, double>& values) {
        return fmt::format("{} {} {}", At(values, 0.25), At(values, 0.5), At(values, 1));
      };
      text +=
          fmt::format(" {:>10} {:>21} {:>21}",
                      known.demand.empty() ? "?" : fmt::format("{:.4g}", known.demand.back().value),
                      all(known.median), all(known.high));
    }
    text += "\n";
  }
  for (const model::Condition& condition : set.status.conditions) {
    if (condition.type == "ForecastTrusted" || condition.type == "MetricsFresh")
      text += fmt::format("\n{}: {} {}{}", condition.type, condition.status, condition.reason,
                          condition.message.empty() ? "" : ": " + condition.message);
  }
  return text;
}

std::string ForecastJson(const SetView& view, const SetForecast* forecast) {
  Json json{{"namespace", view.set.name_space}, {"name", view.set.name}};
  json["limitCpuPercent"] = view.set.spec.scaling.limit_cpu_percent;
  json["shards"] = Json::array();
  for (const model::ShardStatus& shard : view.set.status.shard_statuses) {
    Json one{{"id", shard.id.value}};
    if (shard.cpu_percent) one["cpuPercent"] = *shard.cpu_percent;
    if (shard.forecast_peak_percent) {
      one["forecastPeakPercent"] = *shard.forecast_peak_percent;
      one["forecastPeakTime"] = shard.forecast_peak_time;
    }
    const auto found =
        forecast == nullptr ? SetForecast::const_iterator() : forecast->find(shard.id.value);
    if (forecast != nullptr && found != forecast->end()) {
      if (!found->second.demand.empty())
        one["statementsPerSecond"] = found->second.demand.back().value;
      for (const auto& [part, value] : found->second.median)
        one["median"].push_back({{"ahead", part}, {"statementsPerSecond", value}});
      for (const auto& [part, value] : found->second.high)
        one["quantile95"].push_back({{"ahead", part}, {"statementsPerSecond", value}});
    }
    json["shards"].push_back(one);
  }
  return json.dump(2);
}

std::string ForecastPlot(const SetForecast& forecast, std::chrono::milliseconds horizon,
                         const ForecastQuestion& question, int width) {
  const int columns = std::clamp(width - 12, 30, 160);
  const double past = static_cast<double>(question.past.count());
  const double ahead = std::chrono::duration<double>(horizon).count();
  const double now = std::floor(Seconds(question.now));
  // At least a quarter of the picture is the future.
  const int now_column =
      std::clamp(static_cast<int>(columns * past / (past + ahead)), columns / 4, columns * 3 / 4);
  std::string text;
  for (const auto& [id, shard] : forecast) {
    Picture picture(columns, Most(shard) * 1.05);
    for (const op::Sample& sample : shard.demand) {
      const double part = (sample.time_seconds - (now - past)) / past;
      picture.Put(static_cast<int>(part * now_column), sample.value, "•");
    }
    picture.Line(now_column, "┊");
    if (!shard.demand.empty() && !shard.median.empty()) {
      for (int column = now_column + 1; column < columns; ++column) {
        const double part = static_cast<double>(column - now_column) / (columns - 1 - now_column);
        const double last = shard.demand.back().value;
        picture.Put(column, Between(last, shard.high, part), "▒");
        picture.Put(column, Between(last, shard.median, part), "─");
      }
    }
    text += fmt::format("shard {}: statements a second, • asked, ─ median, ▒ 95 %\n{}", id,
                        picture.Text());
    const std::string axis = fmt::format("-{} min", static_cast<int>(past / 60));
    const std::string end = fmt::format("+{} min", static_cast<int>(ahead / 60));
    text += fmt::format("          {:<{}}now{:>{}}\n\n", axis, now_column, end,
                        columns - now_column - 3);
  }
  return text;
}

}  // namespace foreshard::plugin
