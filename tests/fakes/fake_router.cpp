#include "tests/fakes/fake_router.h"

#include <algorithm>
#include <utility>

namespace foreshard::fakes {
namespace {

KeyMask MaskOfRequest(const std::vector<model::KeyRange>& ranges,
                      const std::vector<std::string>& keys, const model::KeySpace& space) {
  KeyMask mask = 0;
  for (int key = 0; key < kFakeKeys; ++key) {
    const std::string text = std::to_string(key);
    const bool in = std::any_of(ranges.begin(), ranges.end(),
                                [&](const model::KeyRange& range) {
                                  return model::ContainsKey(space, range, text);
                                }) ||
                    std::find(keys.begin(), keys.end(), text) != keys.end();
    if (in) mask |= KeyMask{1} << key;
  }
  return mask;
}

Error OlderEpoch() { return Error::Reobserve("an older epoch", "OlderEpoch", "409"); }

}  // namespace

void FakeRouter::Offer(const model::RoutingTable& table, std::int64_t generation) {
  const bool newer = !table_ || table.epoch > table_->epoch;
  if (!newer && (table.epoch < table_->epoch || generation <= generation_)) return;
  table_ = table;
  generation_ = std::max(generation_, generation);
  EndOldLeases();
  if (!newer) return;
  for (int key = 0; key < kFakeKeys; ++key) {
    const auto at = static_cast<std::size_t>(key);
    if (table.epoch.value < epochs_[at]) continue;
    owners_[at] = model::OwnerOfKey(table, std::to_string(key)).value;
    epochs_[at] = table.epoch.value;
    told_by_[at] = 0;
  }
}

bool FakeRouter::Lists(std::int32_t number) const {
  return table_ &&
         std::any_of(table_->moving.begin(), table_->moving.end(),
                     [&](const model::Moving& moving) { return moving.number.value == number; });
}

// Who never saw the migration listed does not see it end.
void FakeRouter::EndOldLeases() {
  for (auto lease = leases_.begin(); lease != leases_.end();) {
    const bool listed = Lists(lease->first);
    const bool over = std::exchange(lease->second.listed, listed) && !listed;
    lease = over ? leases_.erase(lease) : std::next(lease);
  }
}

void FakeRouter::AddLease(std::int32_t number, KeyMask keys) {
  leases_.try_emplace(number, LeasedKeys{.keys = keys, .listed = Lists(number)});
}

bool FakeRouter::IsHeld(int key) const {
  const MonotonicTime now = clock_.Monotonic();
  return std::any_of(holds_.begin(), holds_.end(), [&](const auto& hold) {
    return (hold.second.keys >> key & 1) != 0 && now < hold.second.until;
  });
}

std::int64_t FakeRouter::parked() const {
  return std::count_if(statements_.begin(), statements_.end(), [&](const FakeStatement& statement) {
    return statement.stage == FakeStatement::Stage::kNew && IsHeld(statement.key);
  });
}

void FakeRouter::Learn(int key, const std::string& owner, model::Epoch epoch, std::int32_t number) {
  const auto at = static_cast<std::size_t>(key);
  if (epoch.value <= epochs_[at]) return;
  owners_[at] = owner;
  epochs_[at] = epoch.value;
  told_by_[at] = number;
}

// Every new connection reads foreshard.range before its first use.
void FakeRouter::Connect(const std::string& shard) {
  const auto found = servers_.find(shard);
  CHECK(found != servers_.end(), "a router is told of a shard that nobody made", shard);
  FakeServer& server = *found->second;
  server.connected_routers.insert(name_);
  connected_[shard] = ++connections_made_;
  for (const auto& [number, range] : server.ranges) {
    for (int key = 0; key < kFakeKeys; ++key) {
      if ((range.keys >> key & 1) == 0) continue;
      Learn(key, range.row.owner.value, range.row.epoch, range.settled ? 0 : number);
    }
    // A shard that has given the range away leases nothing.
    if (range.row.leased && range.row.owner.value == shard) AddLease(number, range.keys);
  }
}

bool FakeRouter::IsConnected(const std::string& shard) const {
  return connected_.contains(shard) && servers_.at(shard)->connected_routers.contains(name_);
}

// What is leased, and what shards alone have said: the owner that they name may not have opened
// yet. `named`: the statement goes to a shard that a refusal named against all that.
FakeProofs FakeRouter::ProofsFor(const FakeStatement& statement, bool named) const {
  FakeProofs proofs;
  if (named && bugs_.believes_refusals) return proofs;
  for (const auto& [number, lease] : leases_) {
    if ((lease.keys >> statement.key & 1) != 0) proofs.not_lost.push_back(number);
  }
  const std::int32_t teller = told_by_[static_cast<std::size_t>(statement.key)];
  if (teller != 0 && !bugs_.believes_the_loser) proofs.not_lost.push_back(teller);
  if (named) proofs.owned = statement.named_by;
  return proofs;
}

std::optional<FakeReply> FakeRouter::Route(FakeStatement& statement) {
  if (!table_ || IsHeld(statement.key)) return std::nullopt;
  const auto at = static_cast<std::size_t>(statement.key);
  // A new connection may have taught more than the refusal did: then the refusal is forgotten. (The
  // shard that it named may have been emptied since, and ask nobody any more.)
  const bool other = statement.other_next && statement.known_then == epochs_[at];
  const std::string target = other ? statement.named : owners_[at];
  if (!IsConnected(target)) {
    Connect(target);
    return std::nullopt;
  }
  statement.shard = target;
  statement.connection = connected_.at(target);
  statement.proofs = ProofsFor(statement, target != owners_[at]);
  statement.disowned = servers_.at(target)->KnowsAnotherOwner(statement.key);
  statement.other_next = false;
  statement.stage = FakeStatement::Stage::kSent;
  return std::nullopt;
}

std::optional<FakeReply> FakeRouter::Refused(FakeStatement& statement, const Error& error) {
  statement.stage = FakeStatement::Stage::kNew;
  if (error.code != "FS001") return std::nullopt;
  ++refused_total_;
  const std::size_t migration = error.message.find("migration=") + 10;
  const std::int32_t number = std::stoi(error.message.substr(migration));
  const std::size_t owner = error.message.find("owner=") + 6;
  const std::size_t space = error.message.find(' ', owner);
  const std::string named = error.message.substr(owner, space - owner);
  const std::int64_t epoch = std::stoll(error.message.substr(error.message.find("epoch=") + 6));
  const auto at = static_cast<std::size_t>(statement.key);
  statement.named = named;
  statement.named_by = number;
  if (epoch > epochs_[at]) {
    Learn(statement.key, named, {epoch}, number);
  } else {
    // Both are asked in turn. Where the migration is over nobody is named.
    statement.other_next = statement.shard == owners_[at] && !named.empty();
  }
  statement.known_then = epochs_[at];
  return std::nullopt;
}

std::optional<FakeReply> FakeRouter::Execute(FakeStatement& statement, Random& random) {
  FakeServer& server = *servers_.at(statement.shard);
  const bool broken =
      !IsConnected(statement.shard) || connected_.at(statement.shard) != statement.connection;
  if (broken) {  // ended before it was read: nothing happened
    if (statement.stage == FakeStatement::Stage::kInTransaction) {
      std::erase_if(server.transactions, [&](const FakeTransaction& transaction) {
        return transaction.id == statement.transaction;
      });
    }
    if (!IsConnected(statement.shard)) connected_.erase(statement.shard);
    statement.stage = FakeStatement::Stage::kNew;
    return std::nullopt;
  }
  if (statement.stage == FakeStatement::Stage::kInTransaction) {
    const auto value = server.Commit(statement.transaction);
    if (!value && value.error().code == "08006") {  // nobody knows: an error for the client
      return FakeReply{.statement = statement.id, .failed = true};
    }
    if (!value) return Refused(statement, value.error());
    if (bugs_.retries_after_effect && random.Chance(0.2)) {
      statement.stage = FakeStatement::Stage::kNew;  // "the reply was lost": tries again
      return std::nullopt;
    }
    return FakeReply{.statement = statement.id, .value = *value};
  }
  if (statement.write) {
    const auto begun = server.Begin(statement.key, statement.proofs);
    if (!begun) return Refused(statement, begun.error());
    statement.transaction = *begun;
    statement.stage = FakeStatement::Stage::kInTransaction;
    return std::nullopt;
  }
  const auto value = server.Read(statement.key, statement.proofs);
  if (!value) return Refused(statement, value.error());
  // Perhaps it answers what the owner would: that is luck.
  if (statement.disowned && server.KnowsAnotherOwner(statement.key) && server.on_violation) {
    server.on_violation(fmt::format("{} reads key {} from {}, which knows of another owner", name_,
                                    statement.key, statement.shard));
  }
  return FakeReply{.statement = statement.id, .value = *value};
}

std::optional<FakeReply> FakeRouter::Step(Random& random) {
  if (statements_.empty()) return std::nullopt;
  const std::size_t at = random.Below(statements_.size());
  FakeStatement& statement = statements_[at];
  auto reply =
      statement.stage == FakeStatement::Stage::kNew ? Route(statement) : Execute(statement, random);
  if (reply) statements_.erase(statements_.begin() + static_cast<std::ptrdiff_t>(at));
  return reply;
}

void FakeRouter::LoseShard(const std::string& shard) { connected_.erase(shard); }

std::vector<FakeReply> FakeRouter::Restart() {
  std::vector<FakeReply> replies;
  for (const FakeStatement& statement : statements_) {
    if (statement.stage == FakeStatement::Stage::kInTransaction) {
      std::erase_if(servers_.at(statement.shard)->transactions,
                    [&](const FakeTransaction& transaction) {
                      return transaction.id == statement.transaction;
                    });
    }
    replies.push_back({.statement = statement.id, .failed = true});
  }
  statements_.clear();
  table_.reset();
  generation_ = 0;
  owners_ = {};
  epochs_ = {};
  holds_.clear();
  told_by_ = {};
  leases_.clear();
  connected_.clear();
  return replies;
}

template <typename Answer>
op::RouterReplies<Answer> FakeRouterControl::Ask(
    const std::vector<std::string>& names, const std::function<Result<Answer>(FakeRouter&)>& ask) {
  op::RouterReplies<Answer> replies;
  for (const std::string& name : names) {
    const auto found = std::find_if(routers_.begin(), routers_.end(),
                                    [&](FakeRouter* router) { return router->name() == name; });
    if (found == routers_.end() || (*found)->deaf) {
      replies.push_back({name, Error::Retry("the router does not answer")});
      continue;
    }
    replies.push_back({name, ask(**found)});
  }
  return replies;
}

std::vector<std::string> FakeRouterControl::Routers() const {
  std::vector<std::string> names;
  for (const FakeRouter* router : routers_) {
    if (!router->unlisted) names.push_back(router->name());
  }
  return names;
}

op::RouterReplies<op::HoldAnswer> FakeRouterControl::Hold(const std::vector<std::string>& routers,
                                                          const op::HoldRequest& request,
                                                          Deadline) {
  const KeyMask mask = MaskOfRequest(request.ranges, request.keys, space);
  return Ask<op::HoldAnswer>(routers, [&](FakeRouter& router) -> Result<op::HoldAnswer> {
    if (request.epoch.value != 0 && request.epoch < router.epoch()) return OlderEpoch();
    router.holds_[request.number.value] = {mask, clock_.Monotonic() + request.deadline};
    op::HoldAnswer answer;
    for (const FakeStatement& statement : router.statements_) {
      if ((mask >> statement.key & 1) == 0) continue;
      const bool parked = statement.stage == FakeStatement::Stage::kNew;
      ++(parked ? answer.parked : answer.in_flight);
    }
    answer.drained = answer.in_flight == 0;
    return answer;
  });
}

op::RouterReplies<op::ReleaseAnswer> FakeRouterControl::Release(
    const std::vector<std::string>& routers, const op::ReleaseRequest& request, Deadline) {
  return Ask<op::ReleaseAnswer>(routers, [&](FakeRouter& router) -> Result<op::ReleaseAnswer> {
    if (request.table && request.table->epoch < router.epoch()) return OlderEpoch();
    const std::int64_t before = router.parked();
    router.holds_.erase(request.number.value);
    router.leases_.erase(request.number.value);
    if (request.table) router.Offer(*request.table, -1);
    return op::ReleaseAnswer{.epoch = router.epoch(), .released = before - router.parked()};
  });
}

op::RouterReplies<op::Acknowledged> FakeRouterControl::Lease(
    const std::vector<std::string>& routers, const op::LeaseRequest& request, Deadline) {
  const KeyMask mask = MaskOfRequest(request.ranges, request.keys, space) &
                       ~MaskOfRequest({}, request.excluded, space);
  return Ask<op::Acknowledged>(routers, [&](FakeRouter& router) {
    if (request.leased && !router.bugs_.forgets_leases) {
      router.AddLease(request.number.value, mask);
    } else {
      router.leases_.erase(request.number.value);
    }
    return op::Acknowledged{};
  });
}

op::RouterReplies<op::TableAnswer> FakeRouterControl::ReadTable(
    const std::vector<std::string>& routers, Deadline) {
  return Ask<op::TableAnswer>(routers, [&](FakeRouter& router) {
    return op::TableAnswer{.epoch = router.epoch(), .parked = router.parked()};
  });
}

}  // namespace foreshard::fakes
