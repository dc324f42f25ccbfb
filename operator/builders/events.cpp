#include "operator/builders/events.h"

#include <fmt/format.h>

namespace foreshard::op {

std::string EventName(const EventText& text) {
  return fmt::format("{}.{}", text.name,
                     HashText(text.uid + "\n" + text.reason + "\n" + text.message));
}

Value BuildEvent(const std::string& name_space, const EventText& text, WallTime now) {
  return Value::Object(
      {{"apiVersion", "v1"},
       {"kind", "Event"},
       {"metadata", Value::Object({{"name", EventName(text)}, {"namespace", name_space}})},
       {"involvedObject", Value::Object({{"apiVersion", "foreshard.dev/v1alpha1"},
                                         {"kind", text.kind},
                                         {"name", text.name},
                                         {"namespace", name_space},
                                         {"uid", text.uid}})},
       {"type", text.warning ? "Warning" : "Normal"},
       {"reason", text.reason},
       {"message", text.message.substr(0, 1000)},
       {"source", Value::Object({{"component", "foreshard-operator"}})},
       {"reportingComponent", "foreshard-operator"},
       {"firstTimestamp", FormatRfc3339(now)},
       {"lastTimestamp", FormatRfc3339(now)},
       {"count", 1}});
}

}  // namespace foreshard::op
