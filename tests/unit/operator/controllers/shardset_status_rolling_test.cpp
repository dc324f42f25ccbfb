#include <gtest/gtest.h>

#include "operator/controllers/shardset_controller.h"
#include "tests/unit/operator/controllers/rolling_world.h"

// What the condition RolledOut says while the pods' template changes.

namespace foreshard::op {
namespace {

class RolledOutTest : public RollingWorld {
 protected:
  std::string Said() {
    return world.Condition("RolledOut") + " " + world.ConditionReason("RolledOut") + ": " +
           world.ConditionMessage("RolledOut");
  }
};

// behaviour-14
TEST_F(RolledOutTest, ItSaysHowManyPodsAreLeftAndHoldsWhenAllServe) {
  EXPECT_EQ(Said(), "True NewestTemplate: every pod has the newest template");
  WantCpu("2000m");
  world.Settle();
  EXPECT_EQ(Said(), "False RollingOut: the StatefulSets do not know their newest template yet");
  PlayRevisions();
  for (int left = 3; left >= 0; --left) {
    ASSERT_NE(Taken(), "");
    const std::string wanted =
        left == 0 ? "every pod has the newest template; not all are ready"
                  : std::to_string(left) +
                        " of 4 pods have an older template; the next one goes when every member "
                        "is ready";
    EXPECT_EQ(Said(), "False MembersStarting: " + wanted);
    ComesBack();
  }
  world.Settle();
  EXPECT_EQ(Said(), "True NewestTemplate: every pod has the newest template");
}

// behaviour-14
TEST_F(RolledOutTest, AMemberThatIsAwayForAnotherReasonIsNoRollout) {
  world.SetPodReady("orders-" + world.Shards()[0] + "-1", false);
  world.Settle();
  EXPECT_EQ(world.Condition("Degraded"), "True");
  EXPECT_EQ(world.Condition("RolledOut"), "True");
}

// behaviour-14
TEST_F(RolledOutTest, ACutoverThatItWaitsForIsNamed) {
  Moves("Cutover");
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  EXPECT_EQ(Taken(), "");
  EXPECT_EQ(Said(),
            "False KeysAreChangingHands: 4 of 4 pods have an older template; the next one goes "
            "after the cutover of move");
}

}  // namespace
}  // namespace foreshard::op
