#pragma once

#include <map>
#include <string>
#include <vector>

#include "forecast/forecaster.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

// LoadEvents as the forecaster takes them: occurrences in bins, by shard. Events of one class are
// one event, so that they teach each other their effect.

namespace foreshard::op {

// Occurrences that touch a bin of [first, last] are wanted.
struct EventWindow {
  std::chrono::seconds bin{300};
  model::BinIndex first = 0;
  model::BinIndex last = 0;
};

struct EventCalendar {
  std::map<model::ShardId, forecast::Calendar> by_shard;  // only shards that an event touches
  std::map<std::string, std::string> problems;            // name of the LoadEvent to what is wrong
};

// An event with a list of shards or keys touches those shards and the owners of those keys. What a
// key's multiplier means for its whole shard is not known: there it is learned, not expected. In a
// class, the expected multiplier is that of the event that starts last.
EventCalendar MakeEventCalendar(const std::vector<model::LoadEvent>& events,
                                const model::RoutingTable& table, const EventWindow& window);

// The time zone that events and freeze windows name most, other than UTC: that of the people who
// make the load. "": none is named.
std::string ZoneOfPeople(const std::vector<model::LoadEvent>& events,
                         const std::vector<model::FreezeWindow>& windows);

// Tells every shard of the table when those people's clocks change. Where none does nothing is
// added, so that a calendar without changes stays what it is from day to day.
void AddClockChanges(const std::string& time_zone, const model::RoutingTable& table,
                     const EventWindow& window, EventCalendar& calendar);

}  // namespace foreshard::op
