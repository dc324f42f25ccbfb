#include "cli/simulate/tuning.h"

#include <fmt/format.h>

#include <cstdlib>

namespace foreshard::simulate {

namespace {

bool Set(std::string_view key, double value, model::ScalingSpec& policy,
         planner::Options& options) {
  const auto whole = static_cast<int>(value);
  if (key == "quantile") policy.plan_quantile_percent = whole;
  if (key == "target") policy.target_cpu_percent = whole;
  if (key == "ratio") policy.benefit_ratio_percent = whole;
  if (key == "confirm") policy.scale_in_confirmations = whole;
  if (key == "cooldown") policy.cool_down = std::chrono::minutes(whole);
  if (key == "breach") options.weights.breach = value;
  if (key == "headroom") options.weights.headroom = value;
  if (key == "change") options.weights.change = value;
  if (key == "gigabyte") options.weights.per_gigabyte = value;
  if (key == "leave") options.leave_share = value;
  if (key == "measured") options.merge_measured_share = value;
  if (key == "rest") options.shrink_rest_share = value;
  if (key == "wait") options.wait_beyond_share = value;
  if (key == "hold") options.new_shard_horizons = value;
  if (key == "overload") options.weights.overload = value;
  if (key == "trust") options.shrink_trust = value;
  if (key == "copy") options.copy_quantile = value / 100;
  if (key == "piece") options.weights.piece = value;
  if (key == "joins") options.joins_room = value;
  if (key == "once") options.margin_once = whole != 0;
  if (key == "sources") options.shrink_sources = whole;
  if (key == "ahead") options.ahead_day_share = value / 24;  // hours
  if (key == "aheadshare") options.ahead_share = value;
  if (key == "rounds") options.rounds = whole;
  if (key == "margin") options.latest_start_margin_bins = whole;
  for (const std::string_view known :
       {"quantile", "target",   "ratio",    "confirm",   "cooldown", "breach", "headroom",
        "change",   "gigabyte", "leave",    "measured",  "rest",     "wait",   "margin",
        "hold",     "rounds",   "overload", "piece",     "joins",    "once",   "copy",
        "trust",    "sources",  "ahead",    "aheadshare"}) {
    if (key == known) return true;
  }
  return false;
}

}  // namespace

std::string_view BaseName(std::string_view strategy) {
  return strategy.substr(0, strategy.find('@'));
}

Status Tune(std::string_view strategy, model::ScalingSpec& policy, planner::Options& options) {
  const std::size_t at = strategy.find('@');
  if (at == std::string_view::npos) return Ok();
  std::string_view rest = strategy.substr(at + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equal = part.find('=');
    if (equal == std::string_view::npos)
      return Error::GiveUp(fmt::format("'{}': key=value is expected", part), "BadUsage");
    const std::string value(part.substr(equal + 1));
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0')
      return Error::GiveUp(fmt::format("'{}': a number is expected", part), "BadUsage");
    if (!Set(part.substr(0, equal), number, policy, options))
      return Error::GiveUp(fmt::format("no setting is called '{}'", part.substr(0, equal)),
                           "BadUsage");
  }
  return Ok();
}

}  // namespace foreshard::simulate
