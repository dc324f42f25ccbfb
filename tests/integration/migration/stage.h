#pragma once

#include "migration/mover_steps.h"
#include "tests/integration/migration/two_shards.h"
#include "tests/support/wait.h"

namespace foreshard::migration {

// The mover's steps one by one, in this process, on two real shards; the test plays the controller.
class Stage {
 public:
  explicit Stage(const TwoShards& shards)
      : shards_(shards),
        source_(shards.Shard(shards.Spec(), Side::kSource)),
        destination_(shards.Shard(shards.Spec(), Side::kDestination)) {
    options_.spec = shards.Spec();
    options_.source_conninfo = shards.Conninfo(Side::kSource);
    options_.destination_conninfo = shards.Conninfo(Side::kDestination);
    options_.settle = std::chrono::milliseconds(100);
    options_.chunk_bytes = 65'536;
  }

  // Both rows say `phase`, with a newer record.
  Turn Enter(Phase phase) {
    const model::Token token = model::MakeToken(++record_, 1);
    EXPECT_TRUE(support::Good(source_->Enter(token, ToString(phase), shards_.Soon())));
    EXPECT_TRUE(support::Good(destination_->Enter(token, ToString(phase), shards_.Soon())));
    return {phase, token, token};
  }
  // The steps up to a stream that runs.
  void Stream() {
    ASSERT_TRUE(support::Good(Prepare(work_, Enter(Phase::kPreparing), keepers_)));
    ASSERT_TRUE(support::Good(Copy(work_, Enter(Phase::kCopying), keepers_)));
    keepers_ = {};
    ASSERT_TRUE(support::Good(CatchUp(work_, Enter(Phase::kCatchingUp))));
  }

  const Work& work() const { return work_; }
  MoverOptions& options() { return options_; }
  Board& board() { return board_; }
  Keepers& keepers() { return keepers_; }
  PgShard& source() { return *source_; }
  PgShard& destination() { return *destination_; }

 private:
  const TwoShards& shards_;
  MoverOptions options_;
  Board board_;
  Work work_{options_, shards_.clock(), {}, board_};
  Keepers keepers_;
  std::unique_ptr<PgShard> source_;
  std::unique_ptr<PgShard> destination_;
  std::int64_t record_ = 0;
};

inline constexpr const char* kSomeRows =
    "INSERT INTO public.customers (id, name) SELECT k, 'n' || k FROM generate_series(1::bigint, "
    "3000) k "
    "WHERE hashint8extended(k, 0) < 0; "
    "INSERT INTO public.orders (customer_id, id, pad) SELECT id, 1, repeat('x', 300) FROM "
    "public.customers; ANALYZE";

}  // namespace foreshard::migration
