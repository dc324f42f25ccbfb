#include <gtest/gtest.h>

#include "tests/integration/router/router_bed.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Who is the shard? SCRAM proves it to the router, or a certificate does; a server that asks for no
// password and shows none could be anybody.

namespace foreshard::router {
namespace {

using support::Good;

const support::Needs kNeeds({"postgres", "psql", "openssl"});

// What a client hears that comes while the shard is as `options` say.
std::string Answer(const RouterBed::Options& options) {
  auto bed = RouterBed::Create(options);
  EXPECT_TRUE(Good(bed));
  const Result<std::string> one = (*bed)->Psql("SELECT 1");
  return one ? *one : one.error().message;
}

TEST(ShardLogin, AShardThatAsksForNoPasswordIsNotBelieved) {
  const std::string answer = Answer({.shards = 1, .authentication = "trust"});
  EXPECT_NE(answer.find("nothing proves that it is the shard"), std::string::npos) << answer;
}

TEST(ShardLogin, UnlessSomebodySaidSo) {
  EXPECT_EQ(Answer({.shards = 1, .arguments = {"--trust-shards"}, .authentication = "trust"}),
            "1\n");
}

TEST(ShardLogin, OrItsCertificateWasChecked) {
  EXPECT_EQ(Answer({.shards = 1,
                    .tls = true,
                    .arguments = {"--shard-tls", "require"},
                    .authentication = "trust",
                    .shard_tls = true}),
            "1\n");
}

// Encrypted but not checked proves nothing.
TEST(ShardLogin, ACertificateThatNobodyCheckedIsNoProof) {
  const std::string answer = Answer({.shards = 1,
                                     .tls = true,
                                     .arguments = {"--shard-tls", "prefer"},
                                     .authentication = "trust",
                                     .shard_tls = true});
  EXPECT_NE(answer.find("nothing proves that it is the shard"), std::string::npos) << answer;
}

}  // namespace
}  // namespace foreshard::router
