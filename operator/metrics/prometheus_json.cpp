#include "operator/metrics/prometheus_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace foreshard::op {

namespace {

using nlohmann::json;

Error NotAnAnswer(const std::string& why) {
  return Error::GiveUp("Prometheus' answer: " + why, "MetricsUnreadable");
}

// [1435781430.781, "0.5"]. NaN and infinities are no samples.
bool ReadSample(const json& pair, Sample& sample, bool& usable) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_string())
    return false;
  sample.time_seconds = pair[0].get<double>();
  const std::string& text = pair[1].get_ref<const std::string&>();
  char* end = nullptr;
  sample.value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return false;
  usable = std::isfinite(sample.value) && std::isfinite(sample.time_seconds);
  return true;
}

Result<MetricSeries> ReadSeries(const json& item) {
  if (!item.is_object() || !item.contains("metric") || !item["metric"].is_object() ||
      !item.contains("values") || !item["values"].is_array()) {
    return NotAnAnswer("a result without metric and values");
  }
  MetricSeries series;
  for (const auto& [name, value] : item["metric"].items()) {
    if (!value.is_string()) return NotAnAnswer("a label that is no text");
    series.labels.emplace(name, value.get<std::string>());
  }
  for (const json& pair : item["values"]) {
    Sample sample;
    bool usable = false;
    if (!ReadSample(pair, sample, usable))
      return NotAnAnswer("a value that is no [time, \"number\"]");
    if (!series.samples.empty() && sample.time_seconds <= series.samples.back().time_seconds) {
      return NotAnAnswer("time goes back within a series");
    }
    if (usable) series.samples.push_back(sample);
  }
  return series;
}

}  // namespace

Result<std::vector<MetricSeries>> ParseMatrix(std::string_view body) {
  const json answer = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("status") || !answer["status"].is_string()) {
    return NotAnAnswer("not a JSON object with a status");
  }
  if (answer["status"] != "success") {
    const bool has_words = answer.contains("error") && answer["error"].is_string();
    return Error::GiveUp("Prometheus refused the query: " +
                             (has_words ? answer["error"].get<std::string>() : "no reason given"),
                         "MetricsRefused");
  }
  if (!answer.contains("data") || !answer["data"].is_object() ||
      !answer["data"].contains("resultType") || answer["data"]["resultType"] != "matrix" ||
      !answer["data"].contains("result") || !answer["data"]["result"].is_array()) {
    return NotAnAnswer("no matrix in it");
  }
  std::vector<MetricSeries> all;
  for (const json& item : answer["data"]["result"]) {
    Result<MetricSeries> series = ReadSeries(item);
    if (!series) return series.error();
    all.push_back(*std::move(series));
  }
  std::sort(all.begin(), all.end(),
            [](const MetricSeries& a, const MetricSeries& b) { return a.labels < b.labels; });
  return all;
}

std::vector<MetricSeries> JoinPieces(std::vector<MetricSeries> earlier,
                                     std::vector<MetricSeries> later) {
  for (MetricSeries& piece : later) {
    const auto same = std::lower_bound(
        earlier.begin(), earlier.end(), piece,
        [](const MetricSeries& a, const MetricSeries& b) { return a.labels < b.labels; });
    if (same != earlier.end() && same->labels == piece.labels) {
      same->samples.insert(same->samples.end(), piece.samples.begin(), piece.samples.end());
    } else {
      earlier.insert(same, std::move(piece));
    }
  }
  return earlier;
}

}  // namespace foreshard::op
