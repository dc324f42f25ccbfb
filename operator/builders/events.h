#pragma once

#include <string>

#include "base/clock.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// An Event about an object of ours. Its name is a function of what it says, so that saying it twice
// makes one event.
struct EventText {
  std::string kind = "ShardSet";
  std::string name;
  std::string uid;
  bool warning = false;
  std::string reason;
  std::string message;
};
std::string EventName(const EventText& text);
Value BuildEvent(const std::string& name_space, const EventText& text, WallTime now);

}  // namespace foreshard::op
