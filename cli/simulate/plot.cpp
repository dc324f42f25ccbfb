#include "cli/simulate/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

namespace foreshard::simulate {

namespace {

constexpr double kWidth = 1000;
constexpr double kPanel = 190;
constexpr double kLeft = 60;
constexpr double kTop = 34;
constexpr double kGap = 46;
constexpr double kPlotHeight = kPanel - kGap;

struct Scale {
  double bins = 1;
  double most = 1;
  double top = 0;
  double X(double bin) const { return kLeft + bin / bins * (kWidth - kLeft - 20); }
  double Y(double value) const { return top + kPlotHeight * (1 - std::min(value, most) / most); }
};

// Thinned to about two points a pixel, keeping the highest of each group.
std::string Line(const std::vector<double>& values, const Scale& scale, const char* style,
                 double factor) {
  std::string points;
  const std::size_t group = std::max<std::size_t>(1, values.size() / 1600);
  for (std::size_t i = 0; i < values.size(); i += group) {
    double most = 0;
    for (std::size_t j = i; j < std::min(values.size(), i + group); ++j)
      most = std::max(most, values[j]);
    points +=
        fmt::format("{:.1f},{:.1f} ", scale.X(static_cast<double>(i)), scale.Y(most * factor));
  }
  return fmt::format("<polyline fill=\"none\" {} points=\"{}\"/>\n", style, points);
}

const char* ColourOf(model::ActionType type) {
  switch (type) {
    case model::ActionType::kSplit:
      return "#d62728";
    case model::ActionType::kMove:
      return "#ff7f0e";
    case model::ActionType::kMerge:
      return "#2ca02c";
    case model::ActionType::kIsolate:
      return "#9467bd";
    case model::ActionType::kMoveKeys:
      return "#8c564b";
    case model::ActionType::kAddMember:
      return "#17becf";
    case model::ActionType::kRemoveMember:
      return "#7f7f7f";
  }
  Unreachable(type);
}

std::string Panel(const Options& options, const RunResult& run, double top) {
  const Course& course = run.course;
  Scale scale{.bins = static_cast<double>(std::max<std::size_t>(1, course.total.size())),
              .top = top};
  for (const std::vector<double>* values : {&course.total, &course.shards})
    for (const double value : *values) scale.most = std::max(scale.most, value);
  scale.most = std::ceil(scale.most + 1);
  std::string text = fmt::format(
      "<text x=\"{}\" y=\"{:.0f}\" class=\"h\">{}: {:.2f} % of slots overloaded, {:.0f} "
      "member-hours, {:.0f} moves</text>\n",
      kLeft, top - 8, run.strategy, run.Metric("overloadedSlotsPercent"), run.Metric("memberHours"),
      run.Metric("moves"));
  for (double tick = 0; tick <= scale.most; tick += 4) {
    text += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" class=\"g\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" class=\"t\">{5:.0f}</text>\n",
        kLeft, kWidth - 20, scale.Y(tick), kLeft - 22, scale.Y(tick) + 4, tick);
  }
  const double limit = options.limit_percent / 100.0;
  for (std::size_t i = 0; i < course.worst.size(); ++i) {
    if (course.worst[i] <= limit) continue;
    text += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" class=\"o\"/>\n",
        scale.X(static_cast<double>(i)), top, top + kPlotHeight);
  }
  text += Line(course.total, scale, "stroke=\"#1f77b4\" stroke-width=\"1.4\"", 1);
  text += Line(course.shards, scale, "stroke=\"#222\" stroke-width=\"1.4\"", 1);
  for (const auto& [bin, type] : course.actions) {
    text += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.4\" fill=\"{}\"/>\n",
                        scale.X(static_cast<double>(bin)), top + kPlotHeight + 5, ColourOf(type));
  }
  return text;
}

}  // namespace

std::string Plot(const Options& options, const std::vector<const RunResult*>& runs) {
  const double height = kTop + kPanel * static_cast<double>(runs.size()) + 20;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\">\n<style>text{{font-family:sans-serif;font-size:12px}} "
      ".h{{font-weight:bold}} .t{{fill:#666}} .g{{stroke:#ddd}} "
      ".o{{stroke:#d62728;stroke-opacity:.25}}</style>\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n",
      kWidth, height);
  double top = kTop;
  for (const RunResult* run : runs) {
    text += Panel(options, *run, top);
    top += kPanel;
  }
  text += fmt::format(
      "<text x=\"{}\" y=\"{:.0f}\">blue: total demand in shards at the limit; black: shards; red "
      "bars: a shard over the limit; dots: red Split, orange Move, green Merge, violet "
      "Isolate</text>\n</svg>\n",
      kLeft, height - 8);
  return text;
}

Status WritePlots(const std::string& folder, const Options& options,
                  const std::vector<RunResult>& runs) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  std::map<std::string, std::vector<const RunResult*>> pictures;
  for (const RunResult& run : runs)
    pictures[fmt::format("{}/{}-{}.svg", folder, run.trace, run.seed)].push_back(&run);
  for (const auto& [path, members] : pictures) {
    std::ofstream file(path);
    file << Plot(options, members);
    file.close();
    if (!file) return Error::GiveUp(fmt::format("{}: cannot be written", path), "BadOutput");
  }
  return Ok();
}

}  // namespace foreshard::simulate
