#include "operator/status/migration_part.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "operator/api/conditions.h"
#include "operator/api/enum_names.h"
#include "operator/api/migration_json.h"
#include "operator/status/html.h"

namespace foreshard::op {
namespace {

constexpr std::size_t kOverMax = 5;
// The way of a migration that goes well. What leaves it is told as a word.
constexpr std::array<const char*, 11> kWay = {"Planned",    "Preflight",  "Preparing", "Copying",
                                              "CatchingUp", "Verifying",  "Ready",     "Cutover",
                                              "Soaking",    "CleaningUp", "Completed"};

std::string PhaseOf(const model::ShardMigration& migration) {
  return migration.status.phase.empty() ? "Planned" : migration.status.phase;
}

std::string Steps(const std::string& phase) {
  std::size_t at = kWay.size();
  for (std::size_t i = 0; i < kWay.size(); ++i) {
    if (phase == kWay[i]) at = i;
  }
  if (at == kWay.size()) return fmt::format("<p>{}</p>", Pill(Tone::kWarning, phase));
  std::string steps;
  for (std::size_t i = 0; i < kWay.size(); ++i) {
    const char* mark = i < at ? " class=\"past\"" : (i == at ? " aria-current=\"step\"" : "");
    steps += fmt::format("<li{}>{}</li>", mark, kWay[i]);
  }
  return "<ol class=\"steps\">" + steps + "</ol>";
}

std::string What(const model::ShardMigration& migration) {
  const model::ShardMigrationSpec& spec = migration.spec;
  std::string what(ToText(spec.type));
  if (spec.range) what += " of " + ToString(*spec.range);
  if (!spec.keys.empty()) what += fmt::format(" of {} keys", spec.keys.size());
  what += " from " + spec.source.value;
  const std::string& to = migration.status.destination.value;
  return what + (to.empty() ? "" : " to " + to);
}

// Why it does not go on, as its conditions say.
std::string Waits(const model::ShardMigration& migration) {
  if (!migration.spec.approved) {
    return fmt::format("<p>{} <code>kubectl foreshard -n {} approve {}</code></p>",
                       Pill(Tone::kWarning, "waits for approval"), Escape(migration.name_space),
                       Escape(migration.name));
  }
  if (migration.spec.paused) return "<p>" + Pill(Tone::kWarning, "paused") + "</p>";
  const model::Condition* done = FindCondition(migration.status.conditions, "Completed");
  if (done == nullptr || done->status == "True" || done->message.empty()) return "";
  return fmt::format("<p class=\"soft\">{}: {}</p>", Escape(done->reason), Escape(done->message));
}

std::string Running(const model::ShardMigration& migration, WallTime now) {
  const model::MigrationProgress& progress = migration.status.progress;
  std::string copied;
  if (progress.copy_percent >= 0) {
    copied = fmt::format(
        "<p><progress max=\"100\" value=\"{0}\" aria-label=\"copied\">{0} %</progress></p>"
        "<p class=\"soft\">{0} % copied, {1} of about {2}; {3} ms behind the source</p>",
        progress.copy_percent, BytesText(progress.copied_bytes),
        BytesText(progress.total_bytes_estimate), progress.lag_millis);
  }
  return fmt::format(
      "<article class=\"card\"><div class=\"head\"><h3>{}</h3><span class=\"soft\">{}</span></div>"
      "<p class=\"soft\">{}</p>{}{}{}</article>",
      Escape(migration.name),
      migration.status.start_time.empty() ? ""
                                          : "began " + FromNow(now, migration.status.start_time),
      Escape(What(migration)), Steps(PhaseOf(migration)), copied, Waits(migration));
}

std::string Over(const model::ShardMigration& migration, WallTime now) {
  const std::string phase = PhaseOf(migration);
  const std::string hold =
      migration.status.cutover ? fmt::format("{} ms", migration.status.cutover->hold_millis) : "";
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
      Escape(migration.name), Escape(What(migration)),
      Pill(phase == "Completed" ? Tone::kGood : Tone::kWarning, phase), hold,
      FromNow(now, migration.status.completion_time));
}

}  // namespace

std::string MigrationPart(const SetState& state, WallTime now) {
  std::string running;
  std::string over;
  std::size_t rows = 0;
  for (const model::ShardMigration& migration : state.migrations) {
    if (!IsTerminal(migration.status)) {
      running += Running(migration, now);
    } else if (rows < kOverMax) {
      over += Over(migration, now);
      ++rows;
    }
  }
  if (running.empty()) running = "<p class=\"soft\">None runs.</p>";
  if (!over.empty()) {
    over = fmt::format(
        "<details class=\"apart\"><summary>Over: the last {}</summary><div class=\"scroll\" "
        "tabindex=\"0\" "
        "role=\"region\" aria-label=\"Migrations that are over\"><table><thead><tr>"
        "<th scope=\"col\">Name</th><th scope=\"col\">What</th><th scope=\"col\">Ended</th>"
        "<th scope=\"col\">Held</th><th scope=\"col\">When</th></tr></thead><tbody>{}</tbody>"
        "</table></div></details>",
        rows, over);
  }
  return "<h2>Migrations</h2>" + running + over;
}

}  // namespace foreshard::op
