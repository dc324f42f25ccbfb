#include "operator/webhook/review.h"

#include <fmt/format.h>

#include "operator/api/migration_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/calendar/occurrences.h"

namespace foreshard::op {
namespace {

constexpr const char* kVersion = "admission.k8s.io/v1";
constexpr const char* kGroup = "foreshard.dev";
constexpr std::size_t kUidBytesMax = 128;

// How many values the text can hold at most: each is the first of a list or object or follows a
// comma.
bool HasTooManyValues(std::string_view text) {
  std::size_t values = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char sign = text[i];
    if (quoted) {
      if (sign == '\\') ++i;
      quoted = sign != '"';
    } else if (sign == '"') {
      quoted = true;
    } else if (sign == ',' || sign == '[' || sign == '{') {
      if (++values > kReviewValuesMax) return true;
    }
  }
  return false;
}

// The request of a review. Errors: kGiveUp saying what is missing.
Result<Value> ReadRequest(std::string_view body) {
  if (HasTooManyValues(body))
    return Error::GiveUp(fmt::format("more than {} values in one review", kReviewValuesMax));
  const Result<Value> review = ParseJson(body);
  if (!review) return review.error();
  if ((*review)["kind"].Text() != "AdmissionReview" || (*review)["apiVersion"].Text() != kVersion)
    return Error::GiveUp(fmt::format("an AdmissionReview of {} is expected", kVersion));
  const Value& request = (*review)["request"];
  const std::string uid = request["uid"].Text();
  if (uid.empty() || uid.size() > kUidBytesMax)
    return Error::GiveUp("request.uid: a text of at most 128 bytes is expected");
  return request;
}

template <typename T>
Status Dropped(const Result<T>& result) {
  if (!result) return result.error();
  return Ok();
}

Status CheckLoadEvent(const std::string& json) {
  const Result<model::LoadEvent> event = ParseLoadEvent(json);
  if (!event) return event.error();
  const Status happens = CheckEvent(*event);
  if (happens) return Ok();
  return Error::GiveUp("spec." + happens.error().message, "InvalidSpec");
}

Status CheckObject(const std::string& kind, const Value& object) {
  const std::string json = ToJson(object);
  if (kind == "ShardSet") return Dropped(ParseShardSet(json));
  if (kind == "ShardMigration") return Dropped(ParseShardMigration(json));
  if (kind == "LoadEvent") return CheckLoadEvent(json);
  return Ok();
}

Status CheckRequest(const Value& request) {
  const std::string operation = request["operation"].Text();
  if (operation != "CREATE" && operation != "UPDATE") return Ok();
  if (request.At("kind.group").Text() != kGroup) return Ok();
  const Value& object = request["object"];
  if (operation == "UPDATE" && object["spec"] == request["oldObject"]["spec"]) return Ok();
  return CheckObject(request.At("kind.kind").Text(), object);
}

// What kubectl shows; a broken list of a thousand entries is told by its first ones.
std::string Shortened(std::string message) {
  if (message.size() <= kRefusalBytesMax) return message;
  message.resize(kRefusalBytesMax);
  return message + " ...";
}

}  // namespace

ReviewAnswer Review(std::string_view body) {
  const Result<Value> request = ReadRequest(body);
  if (!request) return {ReviewAnswer::Verdict::kUnreadable, request.error().message + "\n"};
  const Status good = CheckRequest(*request);
  Value response = Value::Object({{"uid", (*request)["uid"]}, {"allowed", good.ok()}});
  if (!good) {
    response.Set("status", Value::Object({{"status", "Failure"},
                                          {"reason", "Invalid"},
                                          {"code", 422},
                                          {"message", Shortened(good.error().message)}}));
  }
  const Value answer = Value::Object(
      {{"apiVersion", kVersion}, {"kind", "AdmissionReview"}, {"response", std::move(response)}});
  return {good ? ReviewAnswer::Verdict::kAllowed : ReviewAnswer::Verdict::kRefused, ToJson(answer)};
}

}  // namespace foreshard::op
