#include "operator/calendar/cron.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

std::vector<std::string> Rules(std::string_view schedule) {
  const auto rules = RulesOfCron(schedule);
  return rules ? *rules : std::vector<std::string>{rules.error().message};
}
using Texts = std::vector<std::string>;

TEST(Cron, SaysTheSameAsARule) {
  EXPECT_EQ(Rules("0 8 28 * *"), Texts{"FREQ=DAILY;BYMONTHDAY=28;BYHOUR=8;BYMINUTE=0;BYSECOND=0"});
  EXPECT_EQ(Rules("30 9-17/4 * jan,DEC mon-fri"),
            Texts{"FREQ=DAILY;BYMONTH=1,12;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9,13,17;BYMINUTE=30;"
                  "BYSECOND=0"});
  EXPECT_EQ(Rules("*/20 0 * * 7"),
            Texts{"FREQ=DAILY;BYDAY=SU;BYHOUR=0;BYMINUTE=0,20,40;BYSECOND=0"});
  EXPECT_EQ(Rules("  5   22/1 *  * * "), Texts{"FREQ=DAILY;BYHOUR=22,23;BYMINUTE=5;BYSECOND=0"});
}

TEST(Cron, TakesEitherDayWhereBothAreGiven) {
  EXPECT_EQ(Rules("0 0 13 * FRI"), (Texts{"FREQ=DAILY;BYMONTHDAY=13;BYHOUR=0;BYMINUTE=0;BYSECOND=0",
                                          "FREQ=DAILY;BYDAY=FR;BYHOUR=0;BYMINUTE=0;BYSECOND=0"}));
}

TEST(Cron, RefusalsNameTheField) {
  EXPECT_EQ(Rules("0 8 28 *"),
            Texts{"'0 8 28 *' has 4 fields; minute, hour, day of month, month and day of week are "
                  "expected"});
  EXPECT_EQ(Rules("60 8 * * *"),
            Texts{"minute: '60' is not one of *, a number from 0 to 59, a-b, a list, a step */n"});
  EXPECT_EQ(Rules("0 8 * * funday"), Texts{"day of week: 'funday' is not one of *, a number from 0 "
                                           "to 7, a-b, a list, a step */n"});
  for (const char* wrong : {"0 8 0 * *", "0 8 * 13 *", "0 24 * * *", "0 8-7 * * *", "0 */0 * * *",
                            "0 , * * *", "0 8- * * *", "0 -8 * * *", "0 8x * * *"})
    EXPECT_EQ(Rules(wrong).front().find("FREQ"), std::string::npos) << wrong;
  EXPECT_EQ(Rules("0 8 * * " + std::string(100'000, '1')),
            Texts{"'0 8 * * " + std::string(92, '1') + "' is longer than 100 bytes"});
}

}  // namespace
}  // namespace foreshard::op
