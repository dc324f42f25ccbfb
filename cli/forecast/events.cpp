#include "cli/forecast/events.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/forecast/trace.h"

namespace foreshard::cli {

namespace {

using Json = nlohmann::json;

Error Bad(std::size_t entry, const std::string& what) {
  return Error::GiveUp(fmt::format("event {}: {}", entry, what), "BadInput");
}

Result<int> Bins(const Json& occurrence, const char* key, std::chrono::seconds bin,
                 std::size_t entry) {
  if (!occurrence.contains(key)) return 0;
  if (!occurrence[key].is_string()) return Bad(entry, fmt::format("{} is not a duration", key));
  const auto duration = ParseDuration(occurrence[key].get<std::string>());
  if (!duration) return Bad(entry, fmt::format("{}: {}", key, duration.error().message));
  return static_cast<int>((*duration + bin - std::chrono::seconds(1)) / bin);
}

Result<forecast::Occurrence> ParseOccurrence(const Json& json, std::chrono::seconds bin,
                                             std::size_t entry) {
  if (!json.is_object() || !json.contains("start") || !json["start"].is_string()) {
    return Bad(entry, "an occurrence needs a start");
  }
  const auto start = ParseTimestamp(json["start"].get<std::string>());
  if (!start) return Bad(entry, start.error().message);
  const auto plateau = Bins(json, "duration", bin, entry);
  const auto before = Bins(json, "before", bin, entry);
  const auto after = Bins(json, "after", bin, entry);
  for (const auto* part : {&plateau, &before, &after}) {
    if (!*part) return part->error();
  }
  if (*plateau < 1) return Bad(entry, "an occurrence needs a duration");
  return forecast::Occurrence{
      .start = *start / bin.count(), .before = *before, .plateau = *plateau, .after = *after};
}

}  // namespace

Result<std::vector<forecast::Event>> ParseEvents(std::string_view text, std::chrono::seconds bin) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_array()) {
    return Error::GiveUp("events: expected a JSON list", "BadInput");
  }
  std::vector<forecast::Event> events;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const Json& entry = json[i];
    if (!entry.is_object() || !entry.contains("class") || !entry["class"].is_string()) {
      return Bad(i, "needs a class");
    }
    forecast::Event event;
    event.name = entry["class"].get<std::string>();
    if (entry.contains("expectedMultiplierPercent")) {
      const Json& percent = entry["expectedMultiplierPercent"];
      if (!percent.is_number() || percent.get<double>() <= 0) {
        return Bad(i, "expectedMultiplierPercent is not a positive number");
      }
      event.expected_multiplier = percent.get<double>() / 100;
    }
    if (!entry.contains("occurrences") || !entry["occurrences"].is_array()) {
      return Bad(i, "needs a list of occurrences");
    }
    for (const Json& one : entry["occurrences"]) {
      const auto occurrence = ParseOccurrence(one, bin, i);
      if (!occurrence) return occurrence.error();
      event.occurrences.push_back(*occurrence);
    }
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace foreshard::cli
