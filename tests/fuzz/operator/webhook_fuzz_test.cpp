#include <gtest/gtest.h>

#include "operator/api/migration_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/calendar/occurrences.h"
#include "operator/webhook/request_head.h"
#include "operator/webhook/review.h"
#include "tests/fuzz/operator/damaged.h"

// Whoever reaches the webhook's port may send what he likes. Whatever it is gets one whole answer,
// and what is allowed is what the loop accepts.

namespace foreshard::op {
namespace {

using Verdict = ReviewAnswer::Verdict;

constexpr const char* kSpec = R"({
  "sharding":{"strategy":"Hash","keyType":"Bigint","tables":[{"name":"public.orders",
    "column":"id"}],"initialShards":2},
  "shardTemplate":{"members":2,"storage":{"size":"20Gi","maxSize":"200Gi"}},
  "scaling":{"mode":"Auto","minShards":2,"maxShards":16,"bin":"5m","horizon":"2h",
    "freezeWindows":[{"name":"a","schedule":"0 8 28 * *","duration":"4h","timeZone":"UTC"},
    {"name":"b","schedule":"*/5 1-3 * JAN MON","duration":"4h","timeZone":"Europe/Berlin"}]}})";

constexpr const char* kMigration = R"({"shardSetName":"orders","type":"Split","source":"s-a",
  "range":{"from":"40","to":"80"},"deadline":"6h","soak":"10m","approved":true})";

constexpr const char* kEvent = R"({"shardSetName":"orders","class":"Sale",
  "start":"2026-11-27T06:00:00Z","duration":"18h","recurrence":"FREQ=MONTHLY;BYMONTHDAY=-1",
  "timeZone":"Europe/Berlin","before":"30m","after":"2h"})";

std::string Asked(const std::string& kind, const std::string& spec) {
  return R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",
    "kind":{"group":"foreshard.dev","version":"v1alpha1","kind":")" +
         kind + R"("},"resource":{"group":"foreshard.dev","version":"v1alpha1","resource":"x"},
    "name":"orders","namespace":"shop","operation":"CREATE","userInfo":{"username":"jane"},
    "object":{"apiVersion":"foreshard.dev/v1alpha1","kind":")" +
         kind + R"(","metadata":{"name":"orders","namespace":"shop"},"spec":)" + spec +
         R"(},"oldObject":null,"dryRun":false}})";
}

// What the loop says of the object in a review that could be read.
bool LoopAccepts(const Value& request) {
  const std::string json = ToJson(request["object"]);
  const std::string kind = request.At("kind.kind").Text();
  if (kind == "ShardSet") return ParseShardSet(json).ok();
  if (kind == "ShardMigration") return ParseShardMigration(json).ok();
  if (kind != "LoadEvent") return true;
  const auto event = ParseLoadEvent(json);
  return event.ok() && CheckEvent(*event).ok();
}

bool IsReviewed(const Value& request) {
  const std::string operation = request["operation"].Text();
  if (request.At("kind.group").Text() != "foreshard.dev") return false;
  if (operation == "UPDATE") return request["object"]["spec"] != request["oldObject"]["spec"];
  return operation == "CREATE";
}

// True: it was allowed or is none of ours.
bool CheckAnswer(const std::string& body) {
  const ReviewAnswer answer = Review(body);
  EXPECT_FALSE(answer.body.empty());
  if (answer.verdict == Verdict::kUnreadable) return false;
  const Result<Value> asked = ParseJson(body);
  const Result<Value> said = ParseJson(answer.body);
  EXPECT_TRUE(asked.ok() && said.ok());
  if (!asked || !said) return false;
  const bool allowed = answer.verdict == Verdict::kAllowed;
  EXPECT_EQ((*said)["response"]["uid"], (*asked)["request"]["uid"]);
  EXPECT_EQ(said->At("response.allowed").Bool(!allowed), allowed);
  const Value& request = (*asked)["request"];
  EXPECT_EQ(allowed, !IsReviewed(request) || LoopAccepts(request));
  const std::string words = said->At("response.status.message").Text();
  EXPECT_EQ(allowed, words.empty());
  EXPECT_TRUE(allowed || words.find("spec") != std::string::npos) << words;
  return allowed;
}

// behaviour-06
TEST(WebhookFuzz, EveryBodyHasOneAnswerThatTheLoopAgreesWith) {
  EXPECT_FALSE(CheckAnswer(Asked("ShardSet", "{}")));
  FuzzDamaged(Asked("ShardSet", kSpec), 2'000, CheckAnswer);
  FuzzDamaged(Asked("ShardMigration", kMigration), 1'000, CheckAnswer);
  FuzzDamaged(Asked("LoadEvent", kEvent), 2'000, CheckAnswer);
}

TEST(WebhookFuzz, RulesAndSchedulesOfAnyLettersEnd) {
  constexpr std::string_view kRule = "FREQ=DAILYWEKMONTHUBS;,0123456789-+INTCOZ";
  constexpr std::string_view kCron = "0123456789 */,-JANMOFEB";
  for (std::uint64_t seed = 1; seed <= 2'000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::string rule = random.Chance(0.7) ? "FREQ=MONTHLY;" : "";
    for (std::uint64_t n = random.Below(40); n > 0; --n) rule += kRule[random.Below(kRule.size())];
    std::string cron;
    for (std::uint64_t n = random.Below(30); n > 0; --n) cron += kCron[random.Below(kCron.size())];
    CheckAnswer(Asked("LoadEvent", R"({"shardSetName":"o","class":"S","duration":"1h",
      "start":"2026-01-31T06:00:00Z","recurrence":")" +
                                       rule + "\"}"));
    CheckAnswer(Asked("ShardSet", R"({"sharding":{"tables":[{"name":"public.o","column":"id"}]},
      "shardTemplate":{"storage":{"size":"1Gi"}},"scaling":{"freezeWindows":[{"name":"a",
      "duration":"1h","schedule":")" + cron +
                                      "\"}]}}"));
  }
}

TEST(WebhookFuzz, AHeadIsReadTheSameHoweverItIsCutAndNeverBeyondItsBytes) {
  const std::string good =
      "POST /validate?timeout=3s HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nAccept: */*\r\n\r\n";
  int whole = 0;
  for (std::uint64_t seed = 1; seed <= 20'000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::string bytes = good + std::string(random.Below(20), 'x');
    for (std::uint64_t damage = random.Below(4); damage > 0; --damage) {
      const std::size_t at = random.Below(bytes.size());
      const std::uint64_t kind = random.Below(4);
      if (kind == 0) bytes[at] = static_cast<char>(random.Next());
      if (kind == 1) bytes.insert(at, "\r\n");
      if (kind == 2) bytes.erase(at, 1 + random.Below(5));
      if (kind == 3) bytes.insert(at, bytes.substr(random.Below(bytes.size()), 30));
      if (bytes.empty()) break;
    }
    const auto head = ReadRequestHead(bytes);
    if (!head) {
      EXPECT_GE(std::stoi(head.error().code), 400);
      continue;
    }
    if (!*head) continue;
    ++whole;
    EXPECT_LE((*head)->head_bytes, bytes.size());
    EXPECT_LE((*head)->body_bytes, kRequestBodyMax);
    for (std::size_t size = 0; size < (*head)->head_bytes; ++size) {
      const auto cut = ReadRequestHead(std::string_view(bytes).substr(0, size));
      EXPECT_TRUE(cut.ok() && !cut->has_value()) << size;
    }
  }
  EXPECT_GT(whole, 2'000) << "a generator that never makes a good one tests one branch";
}

}  // namespace
}  // namespace foreshard::op
