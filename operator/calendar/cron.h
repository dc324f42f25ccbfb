#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace foreshard::op {

// Rules of RFC 5545 whose union is the schedule: two where day of month and day of week are both
// given, since cron then takes either. Fields: minute, hour, day of month, month, day of week; `*`,
// numbers, a-b, lists, steps, names (JAN, MON), 7 for Sunday.
//
// Source: crontab(5). Errors: kGiveUp naming the field, its text and what would be accepted.
Result<std::vector<std::string>> RulesOfCron(std::string_view schedule);

}  // namespace foreshard::op
