#include "operator/status/set_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/api/enum_names.h"
#include "operator/status/fan_picture.h"
#include "operator/status/html.h"
#include "operator/status/key_bar.h"
#include "operator/status/migration_part.h"

namespace foreshard::op {
namespace {

constexpr std::size_t kFanRows = 8;

Tone ToneOf(const std::optional<int>& percent, const model::ScalingSpec& scaling) {
  if (!percent) return Tone::kPlain;
  if (*percent > scaling.limit_cpu_percent) return Tone::kBad;
  return *percent > scaling.target_cpu_percent ? Tone::kWarning : Tone::kGood;
}

std::string Percent(const std::optional<int>& percent) {
  return percent ? fmt::format("{} %", *percent) : "?";
}

std::string ReadyPill(const model::ShardSet& set) {
  const model::Condition* ready = FindCondition(set.status.conditions, "Ready");
  if (set.deleting) return Pill(Tone::kWarning, "being deleted");
  if (ready != nullptr && ready->status == "True") return Pill(Tone::kGood, "Ready");
  return Pill(Tone::kBad, ready != nullptr ? "not ready: " + ready->reason : "not ready");
}

Tone ToneOfDecision(const std::string& decision) {
  if (decision == "Blocked") return Tone::kBad;
  if (decision == "NoChange") return Tone::kGood;
  return decision == "Executing" ? Tone::kPlain : Tone::kWarning;
}

std::string Tile(std::string_view name, std::string_view value, std::string_view note) {
  return fmt::format("<div class=\"tile\"><dt>{}</dt><dd>{}<small>{}</small></dd></div>", name,
                     value, note);
}

std::string Tiles(const SetState& state, WallTime now) {
  const model::ShardSetStatus& status = state.set.status;
  const model::ScalingSpec& scaling = state.set.spec.scaling;
  const model::ShardStatus* busy = BusiestShard(state.set);
  const model::ShardStatus* peak = ShardOfPeak(state.set);
  std::string tiles =
      Tile("Shards ready", fmt::format("{} of {}", status.ready_shards, status.shards),
           fmt::format("{} members, {} routers", status.members, status.router_replicas));
  tiles += Tile("Busiest shard now", Percent(busy != nullptr ? busy->cpu_percent : std::nullopt),
                busy != nullptr ? Escape(busy->id.value) : "not measured yet");
  tiles += Tile("Highest expected peak",
                Percent(peak != nullptr ? peak->forecast_peak_percent : std::nullopt),
                peak != nullptr ? fmt::format("{}, {}", Escape(peak->id.value),
                                              FromNow(now, peak->forecast_peak_time))
                                : "no forecast yet");
  tiles += Tile("Should stay below", fmt::format("{} %", scaling.limit_cpu_percent),
                fmt::format("planned for {} % with the {} % quantile", scaling.target_cpu_percent,
                            scaling.plan_quantile_percent));
  tiles += Tile("Routing epoch", std::to_string(status.epoch), Escape(status.endpoint));
  return fmt::format("<dl class=\"tiles\">{}</dl>", tiles);
}

std::string PlanPart(const SetState& state, WallTime now) {
  const std::optional<model::PlanStatus>& plan = state.set.status.plan;
  if (!plan) {
    return "<section class=\"card\"><h2 style=\"margin-top:0\">Plan</h2>"
           "<p class=\"soft\">None yet: mode Off, or the first plan is still to "
           "come.</p></section>";
  }
  std::string steps;
  for (const model::PlanStep& step : plan->steps) {
    steps += fmt::format("<li><b>{} {}{}</b>{}{}</li>", Escape(step.type), Escape(step.shard.value),
                         step.at.empty() ? "" : " at " + Escape(step.at),
                         step.start_time.empty() ? "" : ", begins " + FromNow(now, step.start_time),
                         step.reason.empty() ? "" : ": " + Escape(step.reason));
  }
  return fmt::format(
      "<section class=\"card\" aria-labelledby=\"plan\"><div class=\"head\">"
      "<h2 id=\"plan\" style=\"margin:0\">Plan</h2>{}</div><p class=\"lead\">{}</p>{}"
      "<p class=\"soft\">Made {}. Mode {}.</p></section>",
      Pill(ToneOfDecision(plan->decision), plan->decision), Escape(plan->summary),
      steps.empty() ? "" : "<ol>" + steps + "</ol>", FromNow(now, plan->time),
      ToText(state.set.spec.scaling.mode));
}

std::string ShardCard(const SetState& state, const model::ShardStatus& shard, int colour,
                      WallTime now) {
  const model::ScalingSpec& scaling = state.set.spec.scaling;
  const auto load = state.loads.find(shard.id);
  const ShardPicture picture = load != state.loads.end() ? load->second : ShardPicture();
  const std::string drawn = FanPicture(picture, {.shard = shard.id.value,
                                                 .target_percent = scaling.target_cpu_percent,
                                                 .limit_percent = scaling.limit_cpu_percent});
  const std::string table = FanTable(picture, kFanRows);
  std::string peak;
  if (shard.forecast_peak_percent) {
    peak = fmt::format(
        "peak {} {}",
        Pill(ToneOf(shard.forecast_peak_percent, scaling), Percent(shard.forecast_peak_percent)),
        FromNow(now, shard.forecast_peak_time));
  }
  return fmt::format(
      "<article class=\"card\"><div class=\"head\"><h3><span class=\"dot s{}\" "
      "aria-hidden=\"true\"></span>{}</h3><span class=\"big\">{}</span></div>"
      "<p class=\"soft\">{}{}</p>{}<p class=\"soft\">{} · {} · {} {} · owns {}</p>{}</article>",
      colour, Escape(shard.id.value), Percent(shard.cpu_percent),
      shard.ready ? "" : Pill(Tone::kBad, "not ready: " + shard.reason) + " ", peak, drawn,
      shard.primary.empty() ? "no primary" : "primary " + Escape(shard.primary),
      BytesText(shard.size_bytes), shard.members, shard.members == 1 ? "member" : "members",
      shard.ranges.empty() ? "no range" : Escape(fmt::format("{}", fmt::join(shard.ranges, ", "))),
      table.empty() ? ""
                    : "<details><summary>Forecast in numbers</summary>" + table + "</details>");
}

constexpr const char* kKey =
    "<ul class=\"key\" aria-hidden=\"true\">"
    "<li><svg viewBox=\"0 0 26 12\"><line class=\"measured\" x1=\"0\" x2=\"26\" y1=\"6\" y2=\"6\"/>"
    "</svg>measured CPU</li>"
    "<li><svg viewBox=\"0 0 26 12\"><line class=\"median\" x1=\"0\" x2=\"26\" y1=\"6\" y2=\"6\"/>"
    "</svg>median forecast</li>"
    "<li><svg viewBox=\"0 0 26 12\"><rect class=\"fan50\" width=\"26\" height=\"12\"/></svg>"
    "half of the cases</li>"
    "<li><svg viewBox=\"0 0 26 12\"><rect class=\"fan90\" width=\"26\" height=\"12\"/></svg>"
    "nine of ten</li>"
    "<li><svg viewBox=\"0 0 26 12\"><line class=\"limit\" x1=\"0\" x2=\"26\" y1=\"6\" y2=\"6\"/>"
    "</svg>limit</li>"
    "<li><svg viewBox=\"0 0 26 12\"><line class=\"target\" x1=\"0\" x2=\"26\" y1=\"6\" y2=\"6\"/>"
    "</svg>target</li></ul>";

std::string Shards(const SetState& state, const StatusState& all) {
  const std::map<model::ShardId, int> colours = ColoursOf(state);
  std::string cards;
  for (const model::ShardStatus& shard : state.set.status.shard_statuses)
    cards += ShardCard(state, shard, colours.at(shard.id), all.now);
  if (cards.empty()) return "<h2>Shards</h2><p class=\"soft\">No shard yet.</p>";
  std::string note = kKey;
  if (state.loads.empty()) {
    note = all.leads
               ? "<p class=\"soft\">There is no forecast yet: the conditions below say why.</p>"
               : "<p class=\"soft\">This operator does not lead, so it has no curves. The pod "
                 "that leads is named by the Lease <code>foreshard-operator</code>.</p>";
  }
  return fmt::format(
      "<h2>Shards: load so far, and what is expected</h2>{}<div class=\"grid\">{}</div>", note,
      cards);
}

std::string Orphans(const model::ShardSet& set) {
  std::string rows;
  for (const model::OrphanedShard& shard : set.status.orphaned_shards)
    rows += fmt::format("<li><b>{}</b>: {}</li>", Escape(shard.id.value), Escape(shard.reason));
  return rows.empty() ? "" : "<h2>Shards that own nothing any more</h2><ul>" + rows + "</ul>";
}

std::string Conditions(const model::ShardSet& set, WallTime now) {
  std::string rows;
  for (const model::Condition& one : set.status.conditions) {
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"text\">{}</td><td>{}</td>"
        "</tr>",
        Escape(one.type), Pill(Tone::kPlain, one.status), Escape(one.reason), Escape(one.message),
        FromNow(now, one.last_transition_time));
  }
  if (rows.empty()) return "";
  return fmt::format(
      "<h2>Conditions</h2><div class=\"card scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Conditions\"><table><thead><tr><th scope=\"col\">Type</th>"
      "<th scope=\"col\">Status</th><th scope=\"col\">Reason</th><th scope=\"col\">Message</th>"
      "<th scope=\"col\">Since</th></tr></thead><tbody>{}</tbody></table></div>",
      rows);
}

}  // namespace

const model::ShardStatus* BusiestShard(const model::ShardSet& set) {
  const model::ShardStatus* busiest = nullptr;
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    if (shard.cpu_percent && (busiest == nullptr || *shard.cpu_percent > *busiest->cpu_percent))
      busiest = &shard;
  }
  return busiest;
}

const model::ShardStatus* ShardOfPeak(const model::ShardSet& set) {
  const model::ShardStatus* highest = nullptr;
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    if (!shard.forecast_peak_percent) continue;
    if (highest == nullptr || *shard.forecast_peak_percent > *highest->forecast_peak_percent)
      highest = &shard;
  }
  return highest;
}

std::string SetPage(const SetState& state, const StatusState& all) {
  const model::ShardSet& set = state.set;
  return fmt::format(
      "<p class=\"soft\">ShardSet in namespace {}</p><div class=\"head\"><h1>{}</h1>{}</div>\n{}\n"
      "{}\n<h2>Who owns the keys</h2>{}\n{}\n{}\n{}\n{}\n",
      Escape(set.name_space), Escape(set.name), ReadyPill(set), Tiles(state, all.now),
      PlanPart(state, all.now), KeyBar(state), MigrationPart(state, all.now), Shards(state, all),
      Orphans(set), Conditions(set, all.now));
}

std::string SetCard(const SetState& state, const std::string& link, WallTime now) {
  const model::ShardSet& set = state.set;
  const model::ShardStatus* busy = BusiestShard(set);
  const model::ShardStatus* peak = ShardOfPeak(set);
  std::string expected = "no forecast yet";
  if (peak != nullptr) {
    expected = fmt::format("peak {} {}",
                           Pill(ToneOf(peak->forecast_peak_percent, set.spec.scaling),
                                Percent(peak->forecast_peak_percent)),
                           FromNow(now, peak->forecast_peak_time));
  }
  return fmt::format(
      "<article class=\"card\"><div class=\"head\"><h3><a href=\"{}\">{}</a></h3>{}</div>"
      "<p class=\"soft\">namespace {} · {} shards</p><p>busiest shard {} now, {}</p>"
      "<p class=\"soft\">{}</p></article>",
      Escape(link), Escape(set.name), ReadyPill(set), Escape(set.name_space), set.status.shards,
      Percent(busy != nullptr ? busy->cpu_percent : std::nullopt), expected,
      set.status.plan ? Escape(set.status.plan->summary) : "No plan yet.");
}

}  // namespace foreshard::op
