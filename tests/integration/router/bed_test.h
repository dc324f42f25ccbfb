#pragma once

#include <gtest/gtest.h>

#include "tests/integration/router/router_bed.h"
#include "tests/support/wait.h"

namespace foreshard::router {

// A test with a router and shards of its own.
class BedTest : public testing::Test {
 protected:
  // `sql` through the router, once it serves. Through ASSERT_NO_FATAL_FAILURE.
  void Create(const RouterBed::Options& options, const std::string& sql = {}) {
    auto bed = RouterBed::Create(options);
    ASSERT_TRUE(support::Good(bed));
    bed_ = std::move(*bed);
    if (sql.empty()) return;
    ASSERT_TRUE(support::Good(bed_->Psql(sql)));
  }
  std::unique_ptr<WireClient> Client() {
    auto client = bed_->Client();
    EXPECT_TRUE(support::Good(client));
    return client ? std::move(*client) : nullptr;
  }

  std::unique_ptr<RouterBed> bed_;
};

}  // namespace foreshard::router
