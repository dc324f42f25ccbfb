#include "kube/http_error.h"

#include <gtest/gtest.h>

namespace foreshard::kube {
namespace {

TEST(HttpError, EveryStatusHasOneKind) {
  const struct {
    int status;
    Error::Kind kind;
  } table[] = {
      {400, Error::Kind::kGiveUp},    {401, Error::Kind::kRetry},
      {403, Error::Kind::kGiveUp},    {404, Error::Kind::kReobserve},
      {405, Error::Kind::kGiveUp},    {408, Error::Kind::kReobserve},
      {409, Error::Kind::kReobserve}, {410, Error::Kind::kReobserve},
      {413, Error::Kind::kGiveUp},    {415, Error::Kind::kGiveUp},
      {422, Error::Kind::kGiveUp},    {429, Error::Kind::kRetry},
      {500, Error::Kind::kRetry},     {502, Error::Kind::kRetry},
      {503, Error::Kind::kRetry},     {504, Error::Kind::kReobserve},
      {301, Error::Kind::kGiveUp},
  };
  for (const auto& row : table) {
    const Error error = HttpError(row.status, "get pods shop/a", "");
    EXPECT_EQ(error.kind, row.kind) << row.status;
    EXPECT_EQ(error.code, std::to_string(row.status));
  }
}

TEST(HttpError, SaysWhatTheServerSaid) {
  const Error error =
      HttpError(422, "apply shardsets shop/orders",
                R"({"kind":"Status","reason":"Invalid",)"
                R"("message":"spec.scaling.minShards: must not exceed maxShards","code":422})");
  EXPECT_EQ(
      error.message,
      "apply shardsets shop/orders: spec.scaling.minShards: must not exceed maxShards (HTTP 422)");
  EXPECT_EQ(error.reason, "Invalid");
}

TEST(HttpError, ShowsABodyThatIsNoStatusButNotAllOfIt) {
  EXPECT_EQ(HttpError(502, "get", "bad gateway").message, "get: bad gateway (HTTP 502)");
  EXPECT_EQ(HttpError(502, "get", "").message, "get: no message (HTTP 502)");
  EXPECT_LT(HttpError(502, "get", std::string(100'000, 'x')).message.size(), 3'000u);
}

TEST(ConnectionError, IsARetryOnlyIfNothingWasSent) {
  EXPECT_EQ(ConnectionError(false, "apply", "refused").kind, Error::Kind::kRetry);
  EXPECT_EQ(ConnectionError(true, "apply", "reset").kind, Error::Kind::kReobserve);
}

}  // namespace
}  // namespace foreshard::kube
