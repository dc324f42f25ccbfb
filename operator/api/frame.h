#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/api/value.h"

namespace foreshard::op {

// What every object has, of a parsed one.
struct Frame {
  std::string name_space;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;
  std::string resource_version;
  std::string creation_timestamp;
  bool deleting = false;
  std::vector<std::string> finalizers;
};

inline Frame FrameOf(const Value& object) {
  const Value& metadata = object["metadata"];
  Frame frame{.name_space = metadata["namespace"].Text(),
              .name = metadata["name"].Text(),
              .uid = metadata["uid"].Text(),
              .generation = metadata["generation"].Int(),
              .resource_version = metadata["resourceVersion"].Text(),
              .creation_timestamp = metadata["creationTimestamp"].Text(),
              .deleting = !metadata["deletionTimestamp"].is_null(),
              .finalizers = {}};
  for (const Value& item : metadata["finalizers"].Items()) frame.finalizers.push_back(item.Text());
  return frame;
}

// Puts the frame into any of our structs, which name these members alike.
template <typename Object>
void SetFrame(Object& object, const Frame& frame) {
  object.name_space = frame.name_space;
  object.name = frame.name;
  object.uid = frame.uid;
  object.generation = frame.generation;
  object.resource_version = frame.resource_version;
  object.deleting = frame.deleting;
  object.finalizers = frame.finalizers;
}

}  // namespace foreshard::op
