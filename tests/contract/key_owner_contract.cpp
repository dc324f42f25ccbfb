#include "tests/contract/key_owner_contract.h"

namespace foreshard::contract {

void KeyOwnerContract::CloseUnheard() {
  world_->SetRow(1, 0);
  world_->SetRange(0, {.owner = 1, .epoch = 100});
  world_->SetRange(1, {.owner = 0});
  world_->EndSessions(0);
}

void KeyOwnerContract::Open() {
  world_->SetRange(1, {.owner = 1, .epoch = 100});
  world_->SetGate(1, 7, true);
}

void KeyOwnerContract::ComeBackUnheard() {
  world_->Publish(7, false);
  world_->SetRange(0, {.owner = 0, .leased = true});
  world_->EndSessions(0);
  EXPECT_EQ(Read(), 0) << "by a session that knows of the lease";
  world_->SetRange(0, {.owner = 1, .leased = true});
  world_->SetRange(1, {.owner = 0});
}

// A write that matches no row fires no trigger.
TEST_P(KeyOwnerContract, AWriteIsNotBelievedOfALeasedShardThatHasLostItsKey) {
  world_->SetRange(0, {.owner = 0, .leased = true});
  world_->SetRange(1, {.owner = 0});
  world_->EndSessions(0);
  EXPECT_EQ(Read(), 0) << "by a session that knows of the lease";
  world_->SetRow(0, std::nullopt);
  world_->SetRow(1, 0);
  world_->SetRange(0, {.owner = 1, .epoch = 100, .leased = true});
  world_->SetRange(1, {.owner = 1, .epoch = 100});
  world_->Begin(Kind::kWrite);
  EXPECT_EQ(world_->Answer(), 1);
  EXPECT_EQ(Read(), 1);
}

// The gainer names the loser until it opens, and a refusal may be under way for long: meanwhile the
// loser has been emptied. What a shard says of another one is no reason to believe an "UPDATE 0" of
// that one.
TEST_P(KeyOwnerContract, AnEmptiedShardIsNotBelievedThoughTheOtherOneNamesIt) {
  CloseUnheard();
  world_->SetRow(0, std::nullopt);
  world_->SetGate(1, 7, false);
  world_->Begin(Kind::kWrite);
  world_->AwaitRefusals(4);
  Open();
  EXPECT_EQ(world_->Answer(), 1);
  EXPECT_EQ(Read(), 1);
}

// As long as that: its row may say no more that it has lost them.
TEST_P(KeyOwnerContract, ASettledShardIsNotBelievedThoughTheOtherOneNamesIt) {
  CloseUnheard();
  for (const Kind kind : {Kind::kWrite, Kind::kRead}) {
    world_->SetRange(0, {.owner = 1, .epoch = 100});
    world_->SetRange(1, {.owner = 0});
    world_->SetGate(1, 7, false);
    world_->Begin(kind);
    world_->AwaitRefusals(2);
    world_->SetRow(0, std::nullopt);
    world_->SetRange(0, {.owner = 1, .epoch = 100, .settled = true});
    world_->AwaitRefusals(6);
    Open();
    EXPECT_EQ(world_->Answer(), 1);
  }
}

// The loser says who gets the keys before that one has all of them.
TEST_P(KeyOwnerContract, AShardThatHasNotOpenedIsNotReadThoughTheLoserNamesIt) {
  CloseUnheard();
  world_->SetRow(0, 5);
  world_->Begin(Kind::kRead);
  world_->AwaitRefusals(4);
  world_->SetRow(1, 5);
  Open();
  EXPECT_EQ(world_->Answer(), 5);
}

TEST_P(KeyOwnerContract, ALeaseLastsWhileItsMigrationIsListed) {
  ComeBackUnheard();
  world_->Begin(Kind::kRead);
  world_->AwaitRefusals(2);
  world_->SetRange(0, {.owner = 0, .epoch = 100});
  EXPECT_EQ(world_->Answer(), 0);
}

TEST_P(KeyOwnerContract, ALeaseEndsWhenTheTableNoLongerListsItsMigration) {
  ComeBackUnheard();
  world_->Publish(0, false);
  EXPECT_EQ(Read(), 0);
}

// A pin stays while its range moves.
TEST_P(KeyOwnerContract, AKeyThatIsPinnedIsNotProvenByItsRange) {
  world_->Publish(7, true);
  world_->SetRange(0, {.owner = 0, .leased = true, .without_key = true});
  world_->SetRange(1, {.owner = 0, .without_key = true});
  world_->EndSessions(0);
  EXPECT_EQ(Read(), 0);
  for (const int shard : {0, 1}) {
    world_->SetRange(shard, {.owner = 1, .epoch = 100, .leased = shard == 0, .without_key = true});
  }
  EXPECT_EQ(Read(), 0);
  world_->Begin(Kind::kWrite);
  EXPECT_EQ(world_->Answer(), 1);
  EXPECT_EQ(Read(), 1);
}

TEST_P(KeyOwnerContract, ARowThatIsSettledRefusesNobody) {
  ComeBackUnheard();
  world_->SetRange(0, {.owner = 1, .settled = true});
  EXPECT_EQ(Read(), 0);
}

TEST_P(KeyOwnerContract, ARowThatIsSettledTellsTheOwnerAllTheSame) {
  world_->SetRow(1, 3);
  world_->SetRange(0, {.owner = 1, .epoch = 100, .settled = true});
  world_->EndSessions(0);
  EXPECT_EQ(Read(), 3);
}

}  // namespace foreshard::contract
