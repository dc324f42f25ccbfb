#include <fmt/format.h>

#include <algorithm>

#include "router/limits.h"
#include "router/session_settings.h"
#include "router/worker.h"

// Decisions of two-phase transactions that nobody can need any more are removed: every shard is
// asked what is prepared there, and then the shards that keep decisions are told. They know which
// of theirs are old enough, and which shards each concerns (migration/shard_decisions.sql, forget()).

namespace foreshard::router {
namespace {

constexpr std::chrono::milliseconds kFirstPause{5'000};  // after the first user came
constexpr const char* kPrepared =
    "SELECT pg_catalog.string_agg(gid, ',') FROM pg_catalog.pg_prepared_xacts WHERE gid LIKE "
    "'foreshard:%'";

std::string ArrayOf(const std::vector<std::string>& texts) {
  std::string all = "ARRAY[";
  for (const std::string& text : texts) all += (all.size() == 6 ? "" : ", ") + QuoteLiteral(text);
  return all + "]::text[]";
}

}  // namespace

// As each user that is known here: a decision is its owner's business.
void Worker::ForgetDecisions(MonotonicTime now) {
  if (view_.table == nullptr || welcome_.empty()) return;
  if (next_forget_ == MonotonicTime{}) next_forget_ = now + kFirstPause;
  if (now < next_forget_) return;
  next_forget_ = now + kForgetPause;
  forgetting_.clear();
  forget_calls_.clear();
  for (const auto& [who, parameters] : welcome_) {
    auto look = std::make_shared<Forgetting>();
    look->asker.user = who.first;
    look->asker.database = who.second;
    look->shards = numbers_;
    look->awaited = numbers_.size();
    const auto heard = [this, weak = std::weak_ptr(look)](const Result<std::string>& gids) {
      const std::shared_ptr<Forgetting> of = weak.lock();
      if (of == nullptr) return;
      of->failed = of->failed || !gids.ok();
      std::string_view rest = gids ? std::string_view(*gids) : std::string_view();
      while (!rest.empty()) {
        const std::string_view gid = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), gid.size() + 1));
        of->prepared.emplace_back(gid.substr(0, gid.rfind('@')));
      }
      if (--of->awaited == 0 && !of->failed) Forget(*of);
    };
    for (const std::uint32_t shard : look->shards) {
      look->calls.push_back(
          std::make_unique<ShardCall>(loop_, CallOptions(look->asker, shard, kPrepared), heard));
      look->calls.back()->Start();
    }
    forgetting_.push_back(std::move(look));
  }
}

void Worker::Forget(const Forgetting& what) {
  std::vector<std::string> shards;
  for (const std::uint32_t shard : what.shards) shards.push_back(shards_[shard].id);
  const std::string sql =
      fmt::format("SELECT foreshard.forget({}, {})", ArrayOf(shards), ArrayOf(what.prepared));
  for (const std::uint32_t shard : what.shards) {
    // An error changes nothing: the shard has an older schema, or none, or is away.
    forget_calls_.push_back(std::make_unique<ShardCall>(
        loop_, CallOptions(what.asker, shard, sql), [](const Result<std::string>&) {}));
    forget_calls_.back()->Start();
  }
}

}  // namespace foreshard::router
