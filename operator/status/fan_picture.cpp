#include "operator/status/fan_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "operator/status/html.h"

namespace foreshard::op {
namespace {

constexpr double kWidth = 400;
constexpr double kHeight = 176;
constexpr double kLeft = 38;
constexpr double kRight = 392;
constexpr double kTop = 12;
constexpr double kBottom = 148;
constexpr double kMostPercent = 400;  // what is drawn; a shard that is asked for more is above it

WallTime TimeOf(const ShardPicture& picture, std::int64_t steps_from_now) {
  return WallTime(std::chrono::seconds((picture.now + 1 + steps_from_now) * picture.bin.count()));
}

// Where a bin and a percentage lie in the picture.
class Scale {
 public:
  Scale(const ShardPicture& picture, int limit_percent)
      : first_(picture.measured.empty() ? 0 : 1 - static_cast<double>(picture.measured.size())),
        last_(static_cast<double>(picture.fan.size())) {
    double most = limit_percent;
    for (const double percent : picture.measured) {
      if (std::isfinite(percent)) most = std::max(most, percent);
    }
    for (const FanPercent& step : picture.fan) most = std::max(most, step.p95);
    most_ = std::clamp(std::ceil(most / 50) * 50, 100.0, kMostPercent);
  }

  double X(double steps_from_now) const {
    const double whole = std::max(1.0, last_ - first_);
    return kLeft + (kRight - kLeft) * (steps_from_now - first_) / whole;
  }
  double Y(double percent) const {
    return kBottom - (kBottom - kTop) * std::clamp(percent, 0.0, most_) / most_;
  }
  std::string Point(double steps_from_now, double percent) const {
    return fmt::format("{:.1f},{:.1f} ", X(steps_from_now), Y(percent));
  }
  double first() const { return first_; }
  double last() const { return last_; }
  double most() const { return most_; }

 private:
  double first_;
  double last_;
  double most_;
};

// The newest measured value, from which the fan opens; nothing if it is not known.
std::string Origin(const ShardPicture& picture, const Scale& scale) {
  if (picture.measured.empty() || !std::isfinite(picture.measured.back())) return "";
  return scale.Point(0, picture.measured.back());
}

template <typename Low, typename High>
std::string Band(const ShardPicture& picture, const Scale& scale, const char* css, Low low,
                 High high) {
  std::string points = Origin(picture, scale);
  for (std::size_t i = 0; i < picture.fan.size(); ++i)
    points += scale.Point(static_cast<double>(i + 1), high(picture.fan[i]));
  for (std::size_t i = picture.fan.size(); i-- > 0;)
    points += scale.Point(static_cast<double>(i + 1), low(picture.fan[i]));
  return fmt::format("<polygon class=\"{}\" points=\"{}\"/>", css, points);
}

std::string Line(const char* css, const std::string& points) {
  return points.empty() ? "" : fmt::format("<polyline class=\"{}\" points=\"{}\"/>", css, points);
}

// In pieces where bins are not known.
std::string Measured(const ShardPicture& picture, const Scale& scale) {
  std::string lines;
  std::string points;
  for (std::size_t i = 0; i < picture.measured.size(); ++i) {
    if (!std::isfinite(picture.measured[i])) {
      lines += Line("measured", points);
      points.clear();
      continue;
    }
    points += scale.Point(scale.first() + static_cast<double>(i), picture.measured[i]);
  }
  return lines + Line("measured", points);
}

std::string Grid(const Scale& scale) {
  std::string grid;
  const double step = scale.most() > 200 ? 100 : 50;
  for (double percent = 0; percent <= scale.most(); percent += step) {
    grid += fmt::format(
        "<line class=\"grid\" x1=\"{:.0f}\" x2=\"{:.0f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text class=\"tick\" x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.0f} %</text>",
        kLeft, kRight, scale.Y(percent), scale.Y(percent), kLeft - 5, scale.Y(percent) + 4,
        percent);
  }
  return grid;
}

std::string Threshold(const Scale& scale, const char* css, int percent) {
  return fmt::format("<line class=\"{}\" x1=\"{:.0f}\" x2=\"{:.0f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                     css, kLeft, kRight, scale.Y(percent), scale.Y(percent));
}

std::string Times(const ShardPicture& picture, const Scale& scale) {
  const auto text = [](double x, const char* anchor, const std::string& words) {
    return fmt::format(
        "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>", x,
        kHeight - 10, anchor, words);
  };
  const double now = scale.X(0);
  std::string times = fmt::format(
      "<line class=\"now\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.0f}\" y2=\"{2:.0f}\"/>", now,
      kTop, kBottom + 4);
  // The ends only where they do not touch the middle.
  if (now - kLeft > 90)
    times += text(kLeft, "start", ClockText(TimeOf(picture, std::lround(scale.first()))));
  times += text(std::clamp(now, kLeft + 30, kRight - 30), "middle",
                "now " + ClockText(TimeOf(picture, 0)));
  if (kRight - now > 90)
    times += text(kRight, "end", ClockText(TimeOf(picture, std::lround(scale.last()))));
  return times;
}

std::string InWords(const ShardPicture& picture, const FanPictureOptions& options) {
  std::string words;
  if (!picture.measured.empty() && std::isfinite(picture.measured.back()))
    words = fmt::format("{:.0f} % of its CPU now. ", picture.measured.back());
  const auto peak = std::ranges::max_element(
      picture.fan, [](const FanPercent& a, const FanPercent& b) { return a.p95 < b.p95; });
  if (peak != picture.fan.end()) {
    words += fmt::format(
        "The 95 % quantile of the forecast is highest at {} UTC: {:.0f} %, median {:.0f} %. ",
        ClockText(TimeOf(picture, peak - picture.fan.begin() + 1)), peak->p95, peak->p50);
  }
  return words +
         fmt::format("Target {} %, limit {} %.", options.target_percent, options.limit_percent);
}

}  // namespace

std::string FanPicture(const ShardPicture& picture, const FanPictureOptions& options) {
  const bool known =
      std::ranges::any_of(picture.measured, [](double percent) { return std::isfinite(percent); });
  if (!known && picture.fan.empty()) return "";
  const Scale scale(picture, options.limit_percent);
  std::string median = Origin(picture, scale);
  for (std::size_t i = 0; i < picture.fan.size(); ++i)
    median += scale.Point(static_cast<double>(i + 1), picture.fan[i].p50);
  std::string drawn = Grid(scale);
  if (!picture.fan.empty()) {
    drawn += Band(
        picture, scale, "fan90", [](const FanPercent& step) { return step.p05; },
        [](const FanPercent& step) { return step.p95; });
    drawn += Band(
        picture, scale, "fan50", [](const FanPercent& step) { return step.p25; },
        [](const FanPercent& step) { return step.p75; });
    drawn += Line("median", median);
  }
  drawn += Threshold(scale, "target", options.target_percent) +
           Threshold(scale, "limit", options.limit_percent) + Measured(picture, scale) +
           Times(picture, scale);
  return fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\"><title>Load and forecast of {}</title>"
      "<desc>{}</desc>{}</svg>",
      kWidth, kHeight, Escape(options.shard), InWords(picture, options), drawn);
}

std::string FanTable(const ShardPicture& picture, std::size_t rows_max) {
  if (picture.fan.empty() || rows_max == 0) return "";
  const std::size_t step = (picture.fan.size() + rows_max - 1) / rows_max;
  std::string rows;
  for (std::size_t i = step; i <= picture.fan.size(); i += step) {
    const FanPercent& one = picture.fan[i - 1];
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{:.0f} %</td><td>{:.0f} %</td><td>{:.0f} %</td></tr>",
        ClockText(TimeOf(picture, static_cast<std::int64_t>(i))), one.p05, one.p50, one.p95);
  }
  return fmt::format(
      "<table><thead><tr><th scope=\"col\">UTC</th><th scope=\"col\">5 %</th>"
      "<th scope=\"col\">median</th><th scope=\"col\">95 %</th></tr></thead><tbody>{}</tbody>"
      "</table>",
      rows);
}

}  // namespace foreshard::op
