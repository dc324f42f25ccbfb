#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/forecast/predict.h"

// A fan chart as SVG, without any library: lines and polygons.

namespace foreshard::cli {

namespace {

constexpr double kWidth = 960;
constexpr double kHeight = 360;
constexpr double kMargin = 48;
constexpr double kLegend = 132;  // at the right, for the names of the members

// The members with the largest weights get a line and a name each; told apart by colour, also by
// eyes that see few of them.
constexpr std::array kColours = {"#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

class Chart {
 public:
  Chart(model::BinIndex first, model::BinIndex last, double most)
      : first_(first), last_(last), most_(most > 0 ? most : 1) {}

  double X(model::BinIndex at) const {
    const auto span = static_cast<double>(std::max<model::BinIndex>(1, last_ - first_));
    return kMargin + (kWidth - kMargin - kLegend) * static_cast<double>(at - first_) / span;
  }
  double Y(double value) const {
    return kHeight - kMargin - (kHeight - 2 * kMargin) * value / most_;
  }
  std::string Point(model::BinIndex at, double value) const {
    return fmt::format("{:.1f},{:.1f} ", X(at), Y(value));
  }
  model::BinIndex first() const { return first_; }
  model::BinIndex last() const { return last_; }
  double most() const { return most_; }

 private:
  model::BinIndex first_;
  model::BinIndex last_;
  double most_;
};

std::string Line(const std::string& points, std::string_view style) {
  return fmt::format("<polyline fill=\"none\" points=\"{}\" {}/>\n", points, style);
}

std::string Band(const Chart& chart, const model::Fan& fan, std::size_t low, std::size_t high,
                 const char* colour) {
  std::string points;
  for (std::size_t h = 0; h < fan.steps.size(); ++h)
    points += chart.Point(fan.origin + static_cast<model::BinIndex>(h) + 1, fan.steps[h][high]);
  for (std::size_t h = fan.steps.size(); h-- > 0;)
    points += chart.Point(fan.origin + static_cast<model::BinIndex>(h) + 1, fan.steps[h][low]);
  return fmt::format("<polygon fill=\"{}\" points=\"{}\"/>\n", colour, points);
}

std::string Events(const Chart& chart, const forecast::Calendar& calendar) {
  std::string svg;
  for (const forecast::Event& event : calendar.events) {
    for (const forecast::Occurrence& one : event.occurrences) {
      const model::BinIndex from = std::max(chart.first(), one.start - one.before);
      const model::BinIndex to = std::min(chart.last(), one.start + one.plateau + one.after);
      if (from >= to) continue;
      svg += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#fdebc8\"/>\n",
          chart.X(from), kMargin, chart.X(to) - chart.X(from), kHeight - 2 * kMargin);
    }
  }
  return svg;
}

std::string Axes(const Chart& chart, std::chrono::seconds bin) {
  std::string svg;
  constexpr std::array kAnchors = {"start", "middle", "middle", "middle", "end"};
  for (std::size_t i = 0; i <= 4; ++i) {
    const double value = chart.most() * static_cast<double>(i) / 4;
    svg += fmt::format("<text x=\"4\" y=\"{:.1f}\">{:.4g}</text>\n", chart.Y(value) + 4, value);
    svg += Line(chart.Point(chart.first(), value) + chart.Point(chart.last(), value),
                "stroke=\"#ddd\"");
  }
  for (std::size_t i = 0; i <= 4; ++i) {
    const auto share = static_cast<model::BinIndex>(i);
    const model::BinIndex at = chart.first() + (chart.last() - chart.first()) * share / 4;
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n", chart.X(at),
                       kHeight - 16, kAnchors[i], TimeOf(at, bin).substr(0, 16));
  }
  return svg;
}

// The weight of each member over all steps, the largest first.
std::vector<std::pair<double, std::string_view>> Weighed(const Prediction& prediction) {
  std::map<std::string_view, double> sums;
  for (const forecast::StepReport& step : prediction.steps)
    for (const forecast::ModelReport& model : step.models)
      if (model.weight > 0) sums[model.name] += model.weight;
  std::vector<std::pair<double, std::string_view>> members;
  for (const auto& [name, sum] : sums)
    members.emplace_back(sum / static_cast<double>(prediction.steps.size()), name);
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  return members;
}

// A line through the steps at which members are weighed, a dot at each as large as its weight
// there.
std::string Member(const Chart& chart, const Prediction& prediction, std::string_view name,
                   const char* colour) {
  std::string points;
  std::string dots;
  for (const forecast::StepReport& step : prediction.steps) {
    for (const forecast::ModelReport& model : step.models) {
      if (model.name != name) continue;
      const model::BinIndex at = prediction.fan.origin + step.step;
      const double value = std::clamp(model.forecast, 0.0, chart.most());
      points += chart.Point(at, value);
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" "
          "fill-opacity=\"0.7\"><title>{} {:.2f}</title></circle>\n",
          chart.X(at), chart.Y(value), 1 + 3 * model.weight, colour, name, model.weight);
    }
  }
  return Line(points, fmt::format("stroke=\"{}\" stroke-dasharray=\"3 2\"", colour)) + dots;
}

std::string Legend(const char* colour, std::size_t row, const std::string& text) {
  const double y = kMargin + 16.0 * static_cast<double>(row);
  return fmt::format(
      "<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"10\" height=\"4\" fill=\"{}\"/>"
      "<text x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n",
      kWidth - kLegend + 8, y, colour, kWidth - kLegend + 24, y + 6, text);
}

std::string Members(const Chart& chart, const Prediction& prediction) {
  std::string svg = Legend("#333", 0, "observed") + Legend("#14538a", 1, "forecast, median") +
                    Legend("#6aa5d8", 2, "50, 80, 98 %");
  const auto members = Weighed(prediction);
  for (std::size_t i = 0; i < std::min(kColours.size(), members.size()); ++i) {
    const auto& [weight, name] = members[i];
    svg += Member(chart, prediction, name, kColours[i]) +
           Legend(kColours[i], 4 + i, fmt::format("{} {:.0f} %", name, 100 * weight));
  }
  return svg;
}

double MostOf(const Prediction& prediction) {
  double most = 0;
  for (const double value : prediction.recent.mean) most = std::max(most, value);
  for (const model::Quantiles& step : prediction.fan.steps) most = std::max(most, step[9]);
  return 1.05 * most;
}

}  // namespace

std::string PredictSvg(const Prediction& prediction, const forecast::Calendar& calendar) {
  const model::Fan& fan = prediction.fan;
  const Chart chart(prediction.recent.first,
                    fan.origin + static_cast<model::BinIndex>(fan.steps.size()),
                    MostOf(prediction));
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"11\">\n<rect width=\"{}\" height=\"{}\" fill=\"white\"/>\n",
      kWidth, kHeight, kWidth, kHeight);
  svg += Events(chart, calendar) + Axes(chart, fan.bin);
  svg += Band(chart, fan, 0, 10, "#dbe9f6") + Band(chart, fan, 3, 7, "#a9cbe8") +
         Band(chart, fan, 4, 6, "#6aa5d8");
  std::string seen;
  for (std::size_t i = 0; i < prediction.recent.mean.size(); ++i) {
    if (prediction.recent.state[i] != model::BinState::kGood) continue;
    seen += chart.Point(prediction.recent.first + static_cast<model::BinIndex>(i),
                        prediction.recent.mean[i]);
  }
  svg += Line(seen, "stroke=\"#333\" stroke-width=\"1.2\"");
  std::string median;
  for (std::size_t h = 0; h < fan.steps.size(); ++h) {
    median +=
        chart.Point(fan.origin + static_cast<model::BinIndex>(h) + 1, fan.steps[h][model::kMedian]);
  }
  svg += Line(median, "stroke=\"#14538a\" stroke-width=\"1.8\"");
  svg += Members(chart, prediction);
  return svg + "</svg>\n";
}

}  // namespace foreshard::cli
