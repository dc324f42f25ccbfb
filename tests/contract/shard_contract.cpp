#include "tests/contract/shard_contract.h"

namespace foreshard::contract {

using migration::GateSeen;
using migration::GateState;

namespace {

const model::ShardId& D(const ShardWorld& world) { return world.spec().destination; }
const model::ShardId& S(const ShardWorld& world) { return world.spec().source; }

void ExpectKind(const Status& status, Error::Kind kind, const char* what) {
  ASSERT_FALSE(status.ok()) << what;
  EXPECT_EQ(status.error().kind, kind) << what << ": " << status.error().message;
}

void ExpectOk(const Status& status, const char* what) {
  EXPECT_TRUE(status.ok()) << what << ": " << (status.ok() ? "" : status.error().message);
}

}  // namespace

model::Token ShardContract::Enter(const char* phase) {
  const model::Token token = model::MakeToken(++record_, 1);
  ExpectOk(source().Enter(token, phase, Soon()), "enter the source");
  ExpectOk(destination().Enter(token, phase, Soon()), "enter the destination");
  return token;
}

model::Token ShardContract::Ready() {
  const model::Token token = Enter("Ready");
  ExpectOk(destination().MakeGateTriggers(token, Soon()), "triggers of the destination");
  ExpectOk(source().MakeGate(token, Soon()), "gate");
  ExpectOk(source().MakeGateTriggers(token, Soon()), "triggers");
  ExpectOk(destination().MakeReverseSlot(token, Soon()), "reverse slot");
  ExpectOk(destination().SlotAdvanceToNow(token, Soon()), "advance");
  return token;
}

GateSeen ShardContract::Source(std::int32_t attempt) {
  auto seen = source().LookAtGate({attempt}, Soon());
  EXPECT_TRUE(seen.ok());
  return seen.ok() ? *seen : GateSeen{};
}

GateSeen ShardContract::Destination(std::int32_t attempt) {
  auto seen = destination().LookAtGate({attempt}, Soon());
  EXPECT_TRUE(seen.ok());
  return seen.ok() ? *seen : GateSeen{};
}

TEST_P(ShardContract, ALookAtNothingIsAnAnswer) {
  const GateSeen seen = Source();
  EXPECT_FALSE(seen.row);
  EXPECT_FALSE(seen.range);
  EXPECT_FALSE(seen.gate);
  EXPECT_FALSE(seen.sentinel);
}

TEST_P(ShardContract, EnteringMakesBothRowsAndKeepsTheHighestToken) {
  const model::Token token = Enter("Preparing");
  EXPECT_EQ(Source().row->state, GateState::kOpen);
  EXPECT_EQ(Destination().row->state, GateState::kClosed);
  EXPECT_EQ(Destination().range->owner, S(*world_));
  EXPECT_EQ(Source().row->phase, "Preparing");
  EXPECT_EQ(Source().row->token, token);

  ExpectOk(source().Enter(token, "Preparing", Soon()), "a second try");
  ExpectKind(source().Enter({token.value - 1}, "Planned", Soon()), Error::Kind::kFenced, "older");
  EXPECT_EQ(Source().row->phase, "Preparing");
}

TEST_P(ShardContract, ACallWithoutARowIsFenced) {
  source().LookAtGate({1}, Soon()).ok();
  ExpectKind(source().MakeGate(model::MakeToken(1, 1), Soon()), Error::Kind::kFenced, "no row");
}

TEST_P(ShardContract, EveryEffectRefusesAnOlderToken) {
  const model::Token old = Ready();
  Enter("Cutover");
  const auto change = Change(old, 1, D(*world_), 13);
  ExpectKind(source().GateClose(change, Soon()), Error::Kind::kFenced, "close");
  ExpectKind(source().GateReopen(change, Soon()), Error::Kind::kFenced, "reopen");
  ExpectKind(destination().GateDrained(old, {1}, Soon()), Error::Kind::kFenced, "drained");
  ExpectKind(destination().GateOpen(change, Soon()), Error::Kind::kFenced, "open");
  world_->BringSentinel({1});
  const auto taken = destination().GateTake(change, std::chrono::milliseconds(1), Soon());
  EXPECT_TRUE(!taken && taken.error().kind == Error::Kind::kFenced);
  EXPECT_EQ(destination().GateRevoke(old, {1}, Soon()).error().kind, Error::Kind::kFenced);
  ExpectKind(source().SetLeased(old, true, Soon()), Error::Kind::kFenced, "leased");
  ExpectKind(source().WriteProbe(old, 1, Soon()), Error::Kind::kFenced, "probe");
  ExpectKind(source().TellOwner(old, D(*world_), {99}, Soon()), Error::Kind::kFenced, "tell");
  ExpectKind(source().SettleRange(old, Soon()), Error::Kind::kFenced, "settle");
  ExpectKind(destination().SlotAdvance(old, {1}, Soon()), Error::Kind::kFenced, "advance");
  EXPECT_TRUE(Source().gate);
  EXPECT_FALSE(Source().range->leased);
}

TEST_P(ShardContract, ACutoverStepByStepEachTwice) {
  Ready();
  const model::Token token = Enter("Cutover");
  const auto change = Change(token, 1, D(*world_), 13);
  ExpectKind(destination().GateDrained(token, {1}, Soon()), Error::Kind::kReobserve, "too early");
  ExpectKind(destination().GateOpen(change, Soon()), Error::Kind::kReobserve, "not drained");

  ExpectOk(source().GateClose(change, Soon()), "close");
  ExpectOk(source().GateClose(change, Soon()), "close again");
  EXPECT_EQ(Source().row->state, GateState::kClosed);
  EXPECT_FALSE(Source().gate);
  EXPECT_EQ(Source().range->owner, D(*world_));
  EXPECT_EQ(Source().range->epoch.value, 13);

  EXPECT_FALSE(Destination().sentinel);
  world_->BringSentinel({1});
  EXPECT_TRUE(Destination().sentinel);
  EXPECT_FALSE(Destination(2).sentinel) << "another attempt's";
  ExpectOk(destination().GateDrained(token, {1}, Soon()), "drained");
  ExpectOk(destination().GateDrained(token, {1}, Soon()), "drained again");
  ASSERT_TRUE(Destination().row->drained_lsn);

  ExpectOk(destination().GateOpen(change, Soon()), "open");
  ExpectOk(destination().GateOpen(change, Soon()), "open again");
  EXPECT_TRUE(Destination().gate);
  EXPECT_EQ(Destination().row->state, GateState::kOpen);

  const auto late = destination().GateRevoke(token, {1}, Soon());
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(*late, GateState::kOpen) << "too late";
  EXPECT_TRUE(Destination().gate);
}

TEST_P(ShardContract, TakingWaitsForTheSentinelThenDrainsAndOpensAtOnce) {
  Ready();
  const model::Token token = Enter("Cutover");
  const auto change = Change(token, 1, D(*world_), 13);
  const auto take = [&] {
    return destination().GateTake(change, std::chrono::milliseconds(1), Soon());
  };
  auto early = take();
  ASSERT_TRUE(early.ok()) << early.error().message;
  EXPECT_FALSE(*early) << "nothing was closed";
  EXPECT_EQ(Destination().row->state, GateState::kClosed);

  ExpectOk(source().GateClose(change, Soon()), "close");
  world_->BringSentinel({1});
  auto taken = take();
  ASSERT_TRUE(taken.ok()) << taken.error().message;
  EXPECT_TRUE(*taken);
  const GateSeen seen = Destination();
  EXPECT_TRUE(seen.gate);
  EXPECT_EQ(seen.row->state, GateState::kOpen);
  EXPECT_EQ(seen.row->attempt.value, 1);
  EXPECT_TRUE(seen.row->drained_lsn);
  EXPECT_EQ(seen.range->owner, D(*world_));
  EXPECT_EQ(seen.range->epoch.value, 13);
}

TEST_P(ShardContract, RehearsingTheGatesChangesNothing) {
  Ready();
  const model::Token token = Enter("Cutover");
  for (migration::Shard* shard : {&source(), &destination()}) {
    const auto before = shard->Look({1}, Soon());
    ExpectOk(shard->RehearseGates(Soon()), "rehearse");
    const auto after = shard->Look({1}, Soon());
    ASSERT_TRUE(before.ok() && after.ok());
    EXPECT_EQ(after->leftovers.size(), before->leftovers.size());
  }
  EXPECT_TRUE(Source().gate);
  EXPECT_EQ(Source().row->state, GateState::kOpen);
  EXPECT_FALSE(Destination().gate);
  EXPECT_EQ(Destination().row->state, GateState::kClosed);
  const auto change = Change(token, 1, D(*world_), 13);
  ExpectOk(source().GateClose(change, Soon()), "and then in earnest");
  world_->BringSentinel({1});
  const auto taken = destination().GateTake(change, std::chrono::milliseconds(1), Soon());
  EXPECT_TRUE(taken.ok() && *taken);
}

TEST_P(ShardContract, WhatWasRevokedIsNotTaken) {
  Ready();
  const model::Token token = Enter("Cutover");
  const auto change = Change(token, 1, D(*world_), 13);
  ExpectOk(source().GateClose(change, Soon()), "close");
  ASSERT_TRUE(destination().GateRevoke(token, {1}, Soon()).ok());
  world_->BringSentinel({1});
  const auto late = destination().GateTake(change, std::chrono::milliseconds(1), Soon());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().kind, Error::Kind::kReobserve);
  EXPECT_FALSE(Destination().gate);
}

TEST_P(ShardContract, ARevokedAttemptIsOverAndLeavesItsMark) {
  Ready();
  const model::Token token = Enter("Cutover");
  ExpectOk(source().GateClose(Change(token, 1, D(*world_), 13), Soon()), "close");
  const auto revoked = destination().GateRevoke(token, {1}, Soon());
  ASSERT_TRUE(revoked.ok());
  EXPECT_EQ(*revoked, GateState::kRevoked);
  world_->BringSentinel({1});
  ExpectKind(destination().GateDrained(token, {1}, Soon()), Error::Kind::kReobserve, "drained");
  ExpectKind(destination().GateOpen(Change(token, 1, D(*world_), 13), Soon()),
             Error::Kind::kReobserve, "open");

  const auto back = Change(token, 1, S(*world_), 15);
  ExpectOk(source().GateReopen(back, Soon()), "reopen");
  ExpectOk(source().GateReopen(back, Soon()), "reopen again");
  EXPECT_TRUE(Source().gate);
  EXPECT_EQ(Source().row->attempt.value, 1);
  EXPECT_EQ(Source().range->owner, S(*world_));
  ExpectKind(source().GateClose(Change(token, 1, D(*world_), 16), Soon()), Error::Kind::kReobserve,
             "a late close of the attempt that is over");
  EXPECT_TRUE(Source().gate);

  ExpectOk(source().GateClose(Change(token, 2, D(*world_), 16), Soon()), "the next attempt");
  world_->BringSentinel({2});
  ExpectOk(destination().GateDrained(token, {2}, Soon()), "drained");
}

// A shortcut leaves its mark: what was open already still refuses the late close.
TEST_P(ShardContract, ReopeningWhatIsOpenBurnsTheAttempt) {
  Ready();
  const model::Token token = Enter("Cutover");
  ExpectOk(source().GateReopen(Change(token, 1, S(*world_), 14), Soon()), "reopen");
  EXPECT_EQ(Source().row->attempt.value, 1);
  ExpectKind(source().GateClose(Change(token, 1, D(*world_), 13), Soon()), Error::Kind::kReobserve,
             "late close");
}

// The mover of an abort may have removed the row already, and looks no more.
TEST_P(ShardContract, ReopeningWhatIsOpenMakesNoGateRow) {
  const model::Token token = Enter("Aborting");
  ASSERT_FALSE(Source().gate);
  ExpectOk(source().GateReopen(Change(token, 1, S(*world_), 14), Soon()), "reopen");
  EXPECT_FALSE(Source().gate);
  EXPECT_EQ(Source().row->attempt.value, 1);
  EXPECT_EQ(Source().range->epoch.value, 14);
}

TEST_P(ShardContract, OnlyAnOpenShardGetsAGateRow) {
  const model::Token token = Enter("Ready");
  destination().MakeGate(token, Soon()).ok();  // may refuse, may do nothing
  EXPECT_FALSE(Destination().gate);
  ExpectOk(source().MakeGate(token, Soon()), "source");
  ExpectOk(source().MakeGate(token, Soon()), "again");
  EXPECT_TRUE(Source().gate);
}

TEST_P(ShardContract, ProbesGrow) {
  const model::Token token = Enter("CatchingUp");
  ExpectOk(source().WriteProbe(token, 1, Soon()), "probe");
  ExpectOk(source().WriteProbe(token, 1, Soon()), "the same again");
  ExpectOk(source().WriteProbe(token, 2, Soon()), "probe");
  EXPECT_EQ(Source().probe, 0) << "its own probes are not those of its peer";
}

TEST_P(ShardContract, TheRangeRowIsToldAnOwnerOnlyByANewerEpoch) {
  const model::Token token = Enter("CleaningUp");
  const std::int64_t before = Source().range->epoch.value;
  ExpectOk(source().TellOwner(token, D(*world_), {before}, Soon()), "no newer");
  EXPECT_EQ(Source().range->owner, S(*world_));
  ExpectOk(source().TellOwner(token, D(*world_), {before + 3}, Soon()), "newer");
  EXPECT_EQ(Source().range->owner, D(*world_));
  EXPECT_EQ(Source().range->epoch.value, before + 3);
}

TEST_P(ShardContract, ALeaseIsMarkedInTheRange) {
  const model::Token token = Enter("Cutover");
  ExpectOk(source().SetLeased(token, true, Soon()), "set");
  EXPECT_TRUE(Source().range->leased);
  ExpectOk(source().SetLeased(token, false, Soon()), "unset");
  EXPECT_FALSE(Source().range->leased);
}

TEST_P(ShardContract, ASettledRangeIsNoMigrationsAndStaysSo) {
  const model::Token token = Enter("CleaningUp");
  ExpectOk(source().SetLeased(token, true, Soon()), "leased");
  for (const char* again : {"once", "twice"}) {
    ExpectOk(source().SettleRange(token, Soon()), again);
    EXPECT_FALSE(Source().range.has_value()) << again;
  }
  EXPECT_TRUE(Destination().range.has_value()) << "the other shard's row";
  ExpectOk(source().Enter(token, "CleaningUp", Soon()), "entered again");
  EXPECT_FALSE(Source().range.has_value()) << "entering makes no second row";
}

TEST_P(ShardContract, TheReverseSlotNeverPassesTheDrain) {
  Ready();
  const model::Token token = Enter("Cutover");
  const auto change = Change(token, 1, D(*world_), 13);
  ExpectOk(source().GateClose(change, Soon()), "close");
  world_->BringSentinel({1});
  ExpectOk(destination().GateDrained(token, {1}, Soon()), "drained");
  const migration::Lsn drained = *Destination().row->drained_lsn;
  for (std::int64_t seq = 1; seq < 5; ++seq) {
    ExpectOk(destination().WriteProbe(token, seq, Soon()), "WAL of the destination");
  }
  ExpectOk(destination().SlotAdvanceToNow(token, Soon()), "to now, late");
  const auto seen = destination().Look({1}, Soon());
  ASSERT_TRUE(seen.ok());
  ASSERT_TRUE(seen->slot);
  EXPECT_LE(seen->slot->confirmed_flush.value, drained.value);
  ExpectOk(destination().GateOpen(change, Soon()), "open");
}

}  // namespace foreshard::contract
