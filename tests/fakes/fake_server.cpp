#include <algorithm>

#include "tests/fakes/fake_shard.h"

namespace foreshard::fakes {

KeyMask MaskOf(const migration::MigrationSpec& spec) {
  KeyMask mask = 0;
  for (int key = 0; key < kFakeKeys; ++key) {
    const std::string text = std::to_string(key);
    const auto is = [&](const std::vector<std::string>& keys) {
      return std::find(keys.begin(), keys.end(), text) != keys.end();
    };
    const bool in = spec.keys.empty() ? model::ContainsKey(spec.key_space, spec.range, text) &&
                                            !is(spec.excluded_keys)
                                      : is(spec.keys);
    if (in) mask |= KeyMask{1} << key;
  }
  return mask;
}

std::optional<FakeRefusal> FakeServer::Refuses(int key) const {
  for (const auto& [number, migration] : migrations) {
    if (!migration.gate_triggers || (migration.keys >> key & 1) == 0) continue;
    if (gates.contains(number)) continue;
    const auto range = ranges.find(number);
    if (range == ranges.end()) return FakeRefusal{number, id_, {}};
    return FakeRefusal{number, range->second.row.owner, range->second.row.epoch};
  }
  return std::nullopt;
}

std::optional<FakeRefusal> FakeServer::Disowns(const FakeProofs& proofs) const {
  std::vector<std::int32_t> numbers = proofs.not_lost;
  if (proofs.owned != 0) {
    const auto range = ranges.find(proofs.owned);
    if (range == ranges.end() || range->second.settled) return FakeRefusal{proofs.owned, {}, {}};
    numbers.push_back(proofs.owned);
  }
  for (const std::int32_t number : numbers) {
    const auto range = ranges.find(number);
    if (range == ranges.end() || range->second.row.owner == id_) continue;
    if (range->second.settled && !bugs_.settled_ranges_refuse) continue;
    return FakeRefusal{number, range->second.row.owner, range->second.row.epoch};
  }
  return std::nullopt;
}

bool FakeServer::KnowsAnotherOwner(int key) const {
  const FakeRange* newest = nullptr;
  for (const auto& [number, range] : ranges) {
    if ((range.keys >> key & 1) == 0) continue;
    if (newest == nullptr || range.row.epoch > newest->row.epoch) newest = &range;
  }
  return newest != nullptr && newest->row.epoch.value > 0 && newest->row.owner != id_;
}

namespace {

Error Fs001(const FakeRefusal& refusal) {
  return Error::Reobserve(
      fmt::format("migration={} owner={} epoch={}", refusal.number, refusal.owner, refusal.epoch),
      {}, "FS001");
}

}  // namespace

Result<std::int64_t> FakeServer::Begin(int key, const FakeProofs& proofs) {
  if (const auto refusal = Disowns(proofs)) return Fs001(*refusal);
  if (const auto refusal = rows.contains(key) ? Refuses(key) : std::nullopt) return Fs001(*refusal);
  transactions.push_back({next_transaction_, key});
  return next_transaction_++;
}

Result<std::int64_t> FakeServer::Commit(std::int64_t transaction) {
  const auto found = std::find_if(transactions.begin(), transactions.end(),
                                  [&](const FakeTransaction& t) { return t.id == transaction; });
  if (found == transactions.end()) return Error::Retry("the transaction is gone", {}, "40001");
  const int key = found->key;
  transactions.erase(found);
  const auto row = rows.find(key);
  if (row == rows.end()) return std::int64_t{-1};
  if (next_commit_is_unconfirmed) {
    next_commit_is_unconfirmed = false;
    BeginTail();
    SetRow(key, row->second + 1, false);
    return Error::Reobserve("the connection was lost in COMMIT", {}, "08006");
  }
  SetRow(key, row->second + 1, false);
  Confirm();
  return rows[key];
}

Result<std::int64_t> FakeServer::Read(int key, const FakeProofs& proofs) const {
  if (const auto refusal = Disowns(proofs)) return Fs001(*refusal);
  const auto row = rows.find(key);
  return row == rows.end() ? std::int64_t{-1} : row->second;
}

bool FakeServer::TokenIs(std::int32_t number, model::Token token) const {
  const auto found = migrations.find(number);
  return found != migrations.end() && found->second.row.token == token;
}

void FakeServer::SetRow(int key, std::int64_t value, bool applied) {
  rows[key] = value;
  Append({.kind = FakeWalEntry::Kind::kRow, .key = key, .value = value, .applied = applied});
}

// Asynchronous in the real thing: what was applied is confirmed to the publisher later (`confirm`).
void FakeServer::StepApply(const std::string& name, FakeServer& publisher, int entries_max,
                           bool confirm) {
  const auto found = subscriptions.find(name);
  if (found == subscriptions.end()) return;
  FakeSubscription& subscription = found->second;
  if (!subscription.enabled) {
    subscription.worker = false;
    return;
  }
  const auto slot = publisher.slots.find(name);
  if (slot == publisher.slots.end() || !slot->second.reserved) {
    subscription.worker = false;  // cannot start streaming; tries again for ever
    return;
  }
  if (!subscription.worker) {
    subscription.worker = true;
    return;
  }
  BeginTail();  // an apply worker commits asynchronously
  // A subscriber that asks for an older position than the slot's is silently moved on.
  std::uint64_t at = std::max(subscription.origin, slot->second.confirmed);
  for (int count = 0; at < publisher.wal.size() && count < entries_max; ++at) {
    const FakeWalEntry entry = publisher.wal[at];
    if (entry.kind == FakeWalEntry::Kind::kBarrier) {
      if (entry.number != subscription.number || entry.source != publisher.id().value) continue;
      barriers.insert({entry.number, entry.source, entry.cutover, entry.seq});
      FakeWalEntry copy = entry;
      copy.applied = true;
      Append(std::move(copy));
      ++count;
      continue;
    }
    if ((slot->second.keys >> entry.key & 1) == 0) continue;
    if (entry.applied) {
      on_violation(fmt::format("{} gets back over a stream what a stream brought to {}: key {}",
                               id_, publisher.id(), entry.key));
    }
    if (entry.kind == FakeWalEntry::Kind::kDelete) {
      if (rows.erase(entry.key) > 0) {
        on_violation(fmt::format("a stream deletes key {} on {}", entry.key, id_));
      }
    } else {
      SetRow(entry.key, entry.value, true);
    }
    ++count;
  }
  subscription.origin = at;
  if (confirm) slot->second.confirmed = std::max(slot->second.confirmed, at);
}

void FakeServer::BeginTail() {
  if (tail_) return;
  tail_ = Durable{.rows = rows,
                  .wal = wal.size(),
                  .migrations = migrations,
                  .gates = gates,
                  .ranges = ranges,
                  .barriers = barriers,
                  .publications = publications,
                  .subscriptions = subscriptions,
                  .chunks = chunks};
}

void FakeServer::Confirm() { tail_.reset(); }

bool FakeServer::FailOver(bool lose_tail, bool keep_slots) {
  ++timeline;
  const bool lost = lose_tail && tail_;
  if (lost) {
    rows = std::move(tail_->rows);
    wal.resize(tail_->wal);
    migrations = std::move(tail_->migrations);
    gates = std::move(tail_->gates);
    ranges = std::move(tail_->ranges);
    barriers = std::move(tail_->barriers);
    publications = std::move(tail_->publications);
    subscriptions = std::move(tail_->subscriptions);
    chunks = std::move(tail_->chunks);
  }
  tail_.reset();
  if (!keep_slots) slots.clear();
  // A slot that came along stands where its consumer was when it was synchronised.
  for (auto& [name, slot] : slots)
    slot.confirmed = std::min<std::uint64_t>(slot.confirmed, wal.size());
  transactions.clear();
  for (auto& [name, subscription] : subscriptions) subscription.worker = false;
  for (auto& [number, migration] : migrations) migration.reverse_slot_pretended = false;
  return lost;
}

void FakeServer::BeginAgain() {
  static_cast<void>(FailOver(false, false));
  rows.clear();
  wal.clear();
  migrations.clear();
  gates.clear();
  ranges.clear();
  barriers.clear();
  publications.clear();
  subscriptions.clear();
  chunks.clear();
  connected_routers.clear();
}

}  // namespace foreshard::fakes
