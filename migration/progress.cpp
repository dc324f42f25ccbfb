#include "migration/progress.h"

#include <nlohmann/json.hpp>

namespace foreshard::migration {
namespace {

using nlohmann::json;

// A field that is missing keeps its default; one of a wrong type throws, caught by the door.
template <typename Value>
void Take(const json& object, const char* field, Value& value) {
  const auto found = object.find(field);
  if (found != object.end()) found->get_to(value);
}

}  // namespace

Result<Progress> ParseProgress(std::string_view text) {
  Progress progress;
  if (text.empty()) return progress;
  try {
    const json object = json::parse(text);
    if (const auto done = object.find("done"); done != object.end()) {
      progress.done.emplace();
      Take(*done, "phase", progress.done->phase);
      Take(*done, "record", progress.done->record);
    }
    if (const auto failure = object.find("failure"); failure != object.end()) {
      progress.failure.emplace();
      Take(*failure, "phase", progress.failure->phase);
      Take(*failure, "record", progress.failure->record);
      Take(*failure, "reason", progress.failure->reason);
      Take(*failure, "message", progress.failure->message);
    }
    Take(object, "waiting", progress.waiting);
    Take(object, "copiedRows", progress.copied_rows);
    Take(object, "totalRows", progress.total_rows);
    Take(object, "copiedBytes", progress.copied_bytes);
    Take(object, "totalBytes", progress.total_bytes);
    Take(object, "copyRowsPerSecond", progress.copy_rows_per_second);
    Take(object, "copySecondsLeft", progress.copy_seconds_left);
    Take(object, "lagMillis", progress.lag_millis);
    Take(object, "lagP99Millis", progress.lag_p99_millis);
    Take(object, "lagLast3Millis", progress.lag_last3_millis);
    Take(object, "verifiedBuckets", progress.verified_buckets);
    Take(object, "digestEqual", progress.digest_equal);
    Take(object, "sourceIdentity", progress.source_identity);
    Take(object, "destinationIdentity", progress.destination_identity);
    return progress;
  } catch (const json::exception& wrong) {
    return Error::GiveUp(fmt::format("the mover's progress cannot be read: {}", wrong.what()));
  }
}

std::string ToJson(const Progress& progress) {
  json object{{"copiedRows", progress.copied_rows},
              {"totalRows", progress.total_rows},
              {"copiedBytes", progress.copied_bytes},
              {"totalBytes", progress.total_bytes},
              {"copyRowsPerSecond", progress.copy_rows_per_second},
              {"copySecondsLeft", progress.copy_seconds_left},
              {"lagMillis", progress.lag_millis},
              {"lagP99Millis", progress.lag_p99_millis},
              {"lagLast3Millis", progress.lag_last3_millis},
              {"verifiedBuckets", progress.verified_buckets},
              {"digestEqual", progress.digest_equal},
              {"sourceIdentity", progress.source_identity},
              {"destinationIdentity", progress.destination_identity}};
  if (!progress.waiting.empty()) object["waiting"] = progress.waiting;
  if (progress.done) {
    object["done"] = {{"phase", progress.done->phase}, {"record", progress.done->record}};
  }
  if (progress.failure) {
    object["failure"] = {{"phase", progress.failure->phase},
                         {"record", progress.failure->record},
                         {"reason", progress.failure->reason},
                         {"message", progress.failure->message}};
  }
  return object.dump();
}

Result<PreflightResult> ParsePreflightResult(std::string_view text) {
  PreflightResult result;
  try {
    const json object = json::parse(text);
    object.at("passed").get_to(result.passed);
    Take(object, "skipped", result.skipped);
    Take(object, "reason", result.reason);
    Take(object, "message", result.message);
    Take(object, "rows", result.rows);
    Take(object, "bytes", result.bytes);
    Take(object, "durationSeconds", result.duration_seconds);
    Take(object, "p80DurationSeconds", result.p80_duration_seconds);
    return result;
  } catch (const json::exception& wrong) {
    return Error::GiveUp(fmt::format("the preflight's message cannot be read: {}", wrong.what()));
  }
}

std::string ToJson(const PreflightResult& result) {
  return json{{"passed", result.passed},
              {"skipped", result.skipped},
              {"reason", result.reason},
              {"message", result.message},
              {"rows", result.rows},
              {"bytes", result.bytes},
              {"durationSeconds", result.duration_seconds},
              {"p80DurationSeconds", result.p80_duration_seconds}}
      .dump();
}

}  // namespace foreshard::migration
