#include "operator/webhook/review.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "operator/api/value.h"

namespace foreshard::op {
namespace {

using Verdict = ReviewAnswer::Verdict;

constexpr const char* kWindow =
    R"({"name":"payroll","schedule":"0 8 28 * *","duration":"4h","timeZone":"Europe/Berlin"})";

std::string SetSpec(const std::string& window = kWindow) {
  return R"({"sharding":{"tables":[{"name":"public.orders","column":"id"}]},
    "shardTemplate":{"storage":{"size":"1Gi"}},"scaling":{"freezeWindows":[)" +
         window + "]}}";
}

std::string EventSpec(const std::string& more) {
  return R"({"shardSetName":"orders","class":"Sale","start":"2026-11-27T06:00:00Z",
    "duration":"18h")" +
         more + "}";
}

// `operation` of an object of our group; `old`: its spec before, or "null".
std::string Asked(const std::string& operation, const std::string& kind, const std::string& spec,
                  const std::string& old = "null", const std::string& group = "foreshard.dev") {
  const auto object = [](const std::string& text) {
    return text == "null"
               ? text
               : R"({"metadata":{"name":"orders","namespace":"shop"},"spec":)" + text + "}";
  };
  return fmt::format(
      R"({{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{
        "uid":"705ab4f5","kind":{{"group":"{}","version":"v1alpha1","kind":"{}"}},
        "operation":"{}","userInfo":{{"username":"jane"}},"object":{},"oldObject":{}}}}})",
      group, kind, operation, object(spec), object(old));
}

Verdict VerdictOf(const std::string& body) { return Review(body).verdict; }

// The words of the refusal.
std::string Refusal(const std::string& body) {
  const ReviewAnswer answer = Review(body);
  EXPECT_EQ(answer.verdict, Verdict::kRefused) << answer.body;
  return ParseJson(answer.body)->At("response.status.message").Text();
}

TEST(Review, AnswersInTheWordsOfTheApi) {
  EXPECT_EQ(Review(Asked("CREATE", "ShardSet", SetSpec())).body,
            R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview",)"
            R"("response":{"allowed":true,"uid":"705ab4f5"}})");
  const std::string window =
      R"({"name":"a","schedule":"0 8 28 * *","duration":"4h","timeZone":"Mars/Olympus"})";
  EXPECT_EQ(Review(Asked("CREATE", "ShardSet", SetSpec(window))).body,
            R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview",)"
            R"("response":{"allowed":false,"status":{"code":422,"message":)"
            R"("spec.scaling.freezeWindows[0].timeZone: 'Mars/Olympus' is not accepted; give a )"
            R"(name of the time zone database, as Europe/Berlin",)"
            R"("reason":"Invalid","status":"Failure"},"uid":"705ab4f5"}})");
}

// What CEL cannot say.
// behaviour-06
TEST(Review, EachRefusalNamesFieldValueAndWhatIsAccepted) {
  const std::string never =
      R"({"name":"a","schedule":"0 8 30 2 *","duration":"4h","timeZone":"UTC"})";
  EXPECT_EQ(Refusal(Asked("CREATE", "ShardSet", SetSpec(never))),
            "spec.scaling.freezeWindows[0].schedule: '0 8 30 2 *' is not accepted; give five cron "
            "fields that happen (schedule: '0 8 30 2 *' never happens; a day that exists is "
            "expected)");
  const std::string hour =
      R"({"name":"a","schedule":"0 24 * * *","duration":"4h","timeZone":"UTC"})";
  const std::string of_hour = Refusal(Asked("UPDATE", "ShardSet", SetSpec(hour), SetSpec()));
  EXPECT_TRUE(of_hour.starts_with(
      "spec.scaling.freezeWindows[0].schedule: '0 24 * * *' is not accepted; give five cron"))
      << of_hour;
  EXPECT_EQ(Refusal(Asked("CREATE", "LoadEvent", EventSpec(R"(,"timeZone":"Europe/Atlantis")"))),
            "spec.timeZone: 'Europe/Atlantis' is not in the time zone database; a name as "
            "Europe/Berlin is expected");
  EXPECT_EQ(Refusal(Asked("CREATE", "LoadEvent",
                          EventSpec(R"(,"recurrence":"FREQ=DAILY;UNTIL=20261126")"))),
            "spec.recurrence: 'FREQ=DAILY;UNTIL=20261126' never happens from "
            "2026-11-27T06:00:00Z on; a day that exists, and before UNTIL, is expected");
  EXPECT_EQ(Refusal(Asked("CREATE", "LoadEvent",
                          R"({"shardSetName":"orders","class":"Sale",
                              "start":"2026-11-27T06:00:00Z","duration":"0h"})")),
            "spec.duration: 0s; more than nothing is expected");
  EXPECT_EQ(Refusal(Asked("CREATE", "ShardMigration",
                          R"({"shardSetName":"orders","type":"Move","source":"s-a",
                              "destination":"s-a","range":{"from":"40","to":"80"}})")),
            "spec.destination: 's-a' is not accepted; give another shard than the source");
}

TEST(Review, WhatIsRightIsAllowed) {
  EXPECT_EQ(VerdictOf(Asked("UPDATE", "ShardSet", SetSpec(), SetSpec(""))), Verdict::kAllowed);
  EXPECT_EQ(
      VerdictOf(Asked("CREATE", "LoadEvent", EventSpec(R"(,"recurrence":"FREQ=WEEKLY;BYDAY=MO")"))),
      Verdict::kAllowed);
  EXPECT_EQ(VerdictOf(Asked("CREATE", "LoadEvent", EventSpec(""))), Verdict::kAllowed);
}

// An object that was stored before must be annotated, finalized and deleted whatever is in it.
TEST(Review, AnUpdateThatLeavesTheSpecAloneIsAllowed) {
  const std::string wrong = SetSpec(R"({"name":"a"})");
  EXPECT_EQ(VerdictOf(Asked("CREATE", "ShardSet", wrong)), Verdict::kRefused);
  EXPECT_EQ(VerdictOf(Asked("UPDATE", "ShardSet", wrong, SetSpec())), Verdict::kRefused);
  EXPECT_EQ(VerdictOf(Asked("UPDATE", "ShardSet", wrong, wrong)), Verdict::kAllowed);
  EXPECT_EQ(VerdictOf(Asked("DELETE", "ShardSet", "null", wrong)), Verdict::kAllowed);
}

TEST(Review, WhatIsNotOursIsAllowed) {
  EXPECT_EQ(VerdictOf(Asked("CREATE", "ShardSet", "{}", "null", "example.com")), Verdict::kAllowed);
  EXPECT_EQ(VerdictOf(Asked("CREATE", "RoutingTable", "{}")), Verdict::kAllowed);
  EXPECT_EQ(VerdictOf(Asked("CONNECT", "ShardSet", "{}")), Verdict::kAllowed);
}

TEST(Review, WhatIsNoReviewIsNotReadable) {
  const std::string good = Asked("CREATE", "ShardSet", SetSpec());
  for (const std::string& body : std::vector<std::string>{
           "", "{}", "[]", "null", "not json", "\xff\xfe", good + "x", good.substr(0, 100),
           R"({"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{}})",
           R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"})",
           R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":7}})",
           R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":")" +
               std::string(129, 'u') + "\"}}"}) {
    const ReviewAnswer answer = Review(body);
    EXPECT_EQ(answer.verdict, Verdict::kUnreadable) << body.substr(0, 80);
    EXPECT_FALSE(answer.body.empty());
  }
}

// Reading costs memory for each value: a small text must not cost a large machine.
TEST(Review, MoreValuesThanAnObjectCanHaveAreNotRead) {
  std::string many = R"({"a":[)";
  for (std::size_t i = 0; i < kReviewValuesMax; ++i) many += "0,";
  const ReviewAnswer answer = Review(many + "0]}");
  EXPECT_EQ(answer.verdict, Verdict::kUnreadable);
  EXPECT_EQ(answer.body, "more than 200000 values in one review\n");
  const std::string quoted = EventSpec(R"(,"class":")" + std::string(300'000, ',') + "\"");
  EXPECT_NE(VerdictOf(Asked("CREATE", "LoadEvent", quoted)), Verdict::kUnreadable)
      << "commas in a text are no values";
}

// A schema would stop these; who comes past the API server is stopped here.
TEST(Review, LargeListsAndTextsAreRefusedShortly) {
  std::string windows = kWindow;
  for (int i = 0; i < 5'000; ++i) windows += std::string(",") + kWindow;
  EXPECT_EQ(Refusal(Asked("CREATE", "ShardSet", SetSpec(windows))),
            "spec.scaling.freezeWindows: '5001 windows' is not accepted; give at most 32");
  const std::string zone = std::string(1'000'000, 'z');
  EXPECT_LT(
      Refusal(Asked("CREATE", "LoadEvent", EventSpec(",\"timeZone\":\"" + zone + "\""))).size(),
      300U);
  const std::string schedule = std::string(1'000'000, '*');
  EXPECT_LT(
      Refusal(Asked("CREATE", "ShardSet",
                    SetSpec(R"({"name":"a","duration":"1h","schedule":")" + schedule + "\"}")))
          .size(),
      600U);
  std::string tables;
  for (int i = 0; i < 1'000; ++i) tables += R"({"name":"nowhere","column":""},)";
  const std::string spec = R"({"sharding":{"tables":[)" + tables.substr(0, tables.size() - 1) +
                           R"(]},"shardTemplate":{"storage":{"size":"1Gi"}}})";
  EXPECT_EQ(Refusal(Asked("CREATE", "ShardSet", spec)).size(), kRefusalBytesMax + 4);
}

}  // namespace
}  // namespace foreshard::op
