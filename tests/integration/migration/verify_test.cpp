#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/predicate.h"
#include "tests/integration/migration/oracle.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    stage_ = std::make_unique<Stage>(*shards_);
  }
  // What nobody should ever do to a destination.
  void Tamper(std::string_view sql) {
    shards_->Sql(Side::kDestination,
                 fmt::format("SET session_replication_role = replica; {}", sql));
  }
  Status Verified() {
    return Verify(stage_->work(), stage_->Enter(Phase::kVerifying), Side::kSource);
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

TEST_F(VerifyTest, EqualRowsUnderLoadAreEqual) {
  Oracle oracle(*shards_, {.clients = 3});
  oracle.Load();
  oracle.Start();
  stage_->Stream();
  EXPECT_TRUE(Good(Verified()));
  oracle.Stop();
  EXPECT_TRUE(stage_->board().progress().digest_equal);
  EXPECT_EQ(stage_->board().progress().verified_buckets, 2 * 256);
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
}

TEST_F(VerifyTest, OneWrongValueOneMissingRowOneRowTooManyAreEachFound) {
  shards_->Sql(Side::kSource, kSomeRows);
  stage_->Stream();
  const std::string one = fmt::format("(SELECT min(customer_id) FROM public.orders WHERE {})",
                                      PredicateSql(shards_->Spec(), "customer_id"));
  EXPECT_TRUE(Good(Verified()));
  for (const auto& [wrong, right] : std::vector<std::pair<std::string, std::string>>{
           {"UPDATE public.orders SET pad = 'y' || pad WHERE customer_id = " + one,
            "UPDATE public.orders SET pad = substr(pad, 2) WHERE customer_id = " + one},
           {"CREATE TABLE public.aside AS SELECT * FROM public.orders WHERE customer_id = " + one +
                "; DELETE FROM public.orders WHERE customer_id = " + one,
            "INSERT INTO public.orders SELECT * FROM public.aside; DROP TABLE public.aside"},
           {"INSERT INTO public.orders (customer_id, id) VALUES (" + one + ", 99)",
            "DELETE FROM public.orders WHERE id = 99"}}) {
    Tamper(wrong);
    const Status verified = Verified();
    ASSERT_FALSE(verified.ok()) << wrong;
    EXPECT_EQ(verified.error().reason, "DigestMismatch");
    EXPECT_EQ(verified.error().message, "1 rows of public.orders differ between the shards");
    EXPECT_FALSE(stage_->board().progress().digest_equal);
    Tamper(right);
    EXPECT_TRUE(Good(Verified())) << right;
  }
}

}  // namespace
}  // namespace foreshard::migration
