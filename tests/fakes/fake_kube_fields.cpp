#include "tests/fakes/fake_kube_fields.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace foreshard::fakes {
namespace {

constexpr char kSeparator = '\x1f';

// Segments of a path: ".name" a member, "[json" an element of a list map, "=json" an element of a
// set.
enum class ListShape { kAtomic, kMap, kSet };

struct Shape {
  ListShape shape = ListShape::kAtomic;
  std::vector<std::string> keys;
};

const std::map<std::string, std::vector<std::string>, std::less<>>& KnownListMaps() {
  static const std::map<std::string, std::vector<std::string>, std::less<>> known = {
      {"conditions", {"type"}},
      {"containers", {"name"}},
      {"initContainers", {"name"}},
      {"env", {"name"}},
      {"volumes", {"name"}},
      {"volumeMounts", {"mountPath"}},
      {"imagePullSecrets", {"name"}},
      {"ownerReferences", {"uid"}},
      {"hostAliases", {"ip"}},
      {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
      {"shardStatuses", {"id"}},
      {"orphanedShards", {"id"}},
      {"moving", {"migration"}},
  };
  return known;
}

bool IsAtomicByName(std::string_view field) {
  static constexpr std::string_view kAtomic[] = {"subjects", "rules",       "steps",
                                                 "ranges",   "pins",        "keys",
                                                 "subsets",  "tolerations", "volumeClaimTemplates",
                                                 "ingress",  "egress",      "envFrom"};
  return std::find(std::begin(kAtomic), std::end(kAtomic), field) != std::end(kAtomic);
}

bool AllHave(const Json& list, const std::string& key) {
  return std::all_of(list.begin(), list.end(),
                     [&](const Json& item) { return item.is_object() && item.contains(key); });
}

Shape ShapeOf(std::string_view field, const Json& list) {
  if (field == "finalizers" || field == "referenceTables" || field == "zones")
    return {ListShape::kSet, {}};
  if (IsAtomicByName(field) || list.empty()) return {};
  if (field == "ports") {
    const char* number = AllHave(list, "containerPort") ? "containerPort" : "port";
    return AllHave(list, number) ? Shape{ListShape::kMap, {number, "protocol"}} : Shape{};
  }
  if (const auto known = KnownListMaps().find(field); known != KnownListMaps().end()) {
    return AllHave(list, known->second.front()) ? Shape{ListShape::kMap, known->second} : Shape{};
  }
  for (const char* key : {"id", "name"}) {
    if (AllHave(list, key)) return {ListShape::kMap, {key}};
  }
  return {};
}

std::string KeyOf(const Json& item, const Shape& shape) {
  Json key = Json::object();
  for (const std::string& name : shape.keys) {
    const auto found = item.find(name);
    key[name] = found != item.end() ? *found : Json(name == "protocol" ? "TCP" : "");
  }
  return key.dump();
}

bool IsServerMetadata(std::string_view name) {
  static constexpr std::string_view kServer[] = {"name",
                                                 "namespace",
                                                 "uid",
                                                 "resourceVersion",
                                                 "generation",
                                                 "creationTimestamp",
                                                 "deletionTimestamp",
                                                 "deletionGracePeriodSeconds",
                                                 "managedFields",
                                                 "selfLink"};
  return std::find(std::begin(kServer), std::end(kServer), name) != std::end(kServer);
}

void AddLeaves(const Json& value, std::string_view field, const FieldPath& path,
               std::map<FieldPath, Json>& leaves) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [name, child] : value.items())
      AddLeaves(child, name, path + kSeparator + "." + name, leaves);
    return;
  }
  const Shape shape = value.is_array() ? ShapeOf(field, value) : Shape{};
  if (shape.shape == ListShape::kAtomic || value.empty()) {
    if (!value.is_null()) leaves.emplace(path, value);
    return;
  }
  for (const Json& item : value) {
    if (shape.shape == ListShape::kSet) {
      leaves.emplace(path + kSeparator + "=" + item.dump(), item);
    } else {
      AddLeaves(item, "", path + kSeparator + "[" + KeyOf(item, shape), leaves);
    }
  }
}

Json* FindItem(Json& list, const Shape& shape, const std::string& key) {
  for (Json& item : list) {
    if (KeyOf(item, shape) == key) return &item;
  }
  return nullptr;
}

Json MergeValue(Json live, const Json& applied, std::string_view field) {
  if (applied.is_object() && live.is_object()) {
    for (const auto& [name, child] : applied.items()) {
      if (child.is_null()) continue;
      Json& place = live[name];
      place = MergeValue(std::move(place), child, name);
    }
    return live;
  }
  if (!applied.is_array() || !live.is_array() || live.empty()) return applied;
  const Shape shape = ShapeOf(field, applied);
  if (shape.shape == ListShape::kAtomic || ShapeOf(field, live).shape != shape.shape)
    return applied;
  for (const Json& item : applied) {
    if (shape.shape == ListShape::kSet) {
      if (std::find(live.begin(), live.end(), item) == live.end()) live.push_back(item);
    } else if (Json* place = FindItem(live, shape, KeyOf(item, shape))) {
      *place = MergeValue(std::move(*place), item, "");
    } else {
      live.push_back(item);
    }
  }
  return live;
}

bool HasOnlyItsKey(const Json& item, const Json& key) {
  return std::all_of(item.items().begin(), item.items().end(),
                     [&](const auto& member) { return key.contains(member.key()); });
}

// Removes what `segments` name below `value`; true if `value` became empty by it. A key of a list
// map's element goes only with the whole element, when nothing else is left in it.
bool RemoveBelow(Json& value, const std::vector<std::string>& segments, std::size_t at,
                 const Json* key_of_element) {
  const std::string& segment = segments[at];
  const std::string name = segment.substr(1);
  if (segment.front() == '.') {
    if (!value.is_object() || !value.contains(name)) return false;
    if (at + 1 < segments.size()) {
      if (!RemoveBelow(value[name], segments, at + 1, nullptr)) return false;
    } else if (key_of_element != nullptr && key_of_element->contains(name)) {
      if (HasOnlyItsKey(value, *key_of_element)) value = Json::object();
      return value.empty();
    }
    value.erase(name);
    return value.empty();
  }
  if (!value.is_array()) return false;
  const Json wanted = Json::parse(name);
  for (std::size_t i = 0; i < value.size(); ++i) {
    Json& item = value[i];
    if (segment.front() == '=') {
      if (item != wanted) continue;
    } else {
      std::vector<std::string> keys;
      for (const auto& member : wanted.items()) keys.push_back(member.key());
      if (!item.is_object() || KeyOf(item, {ListShape::kMap, keys}) != name) continue;
      if (at + 1 < segments.size() && !RemoveBelow(item, segments, at + 1, &wanted)) return false;
    }
    value.erase(i);
    return value.empty();
  }
  return false;
}

std::vector<std::string> SegmentsOf(const FieldPath& path) {
  std::vector<std::string> segments;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find(kSeparator, begin), path.size());
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

}  // namespace

std::map<FieldPath, Json> LeavesOf(const Json& object) {
  std::map<FieldPath, Json> leaves;
  for (const auto& [name, child] : object.items()) {
    if (name == "apiVersion" || name == "kind") continue;
    const FieldPath path = std::string(1, kSeparator) + "." + name;
    if (name != "metadata") {
      AddLeaves(child, name, path, leaves);
      continue;
    }
    for (const auto& [key, value] : child.items()) {
      if (!IsServerMetadata(key)) AddLeaves(value, key, path + kSeparator + "." + key, leaves);
    }
  }
  return leaves;
}

Json MergeFields(Json live, const Json& applied) {
  return MergeValue(std::move(live), applied, "");
}

Json RemoveFields(Json object, const std::set<FieldPath>& paths) {
  // Twice: keys of elements can go only when the rest of the element went before them.
  for (int pass = 0; pass < 2; ++pass) {
    for (const FieldPath& path : paths) RemoveBelow(object, SegmentsOf(path), 0, nullptr);
  }
  return object;
}

Managers OwnersAfterUpdate(Managers managers, const ManagerId& manager, const Json& before,
                           const Json& after) {
  const std::map<FieldPath, Json> old_leaves = LeavesOf(before);
  const std::map<FieldPath, Json> new_leaves = LeavesOf(after);
  std::set<FieldPath> changed;
  for (const auto& [path, value] : new_leaves) {
    const auto old = old_leaves.find(path);
    if (old == old_leaves.end() || old->second != value) changed.insert(path);
  }
  for (auto& [id, owned] : managers) {
    std::erase_if(owned, [&](const FieldPath& path) {
      return !new_leaves.contains(path) || (id != manager && changed.contains(path));
    });
  }
  if (!changed.empty()) managers[manager].merge(changed);
  std::erase_if(managers, [](const auto& entry) { return entry.second.empty(); });
  return managers;
}

std::string ReadablePath(const FieldPath& path) {
  std::string text;
  for (const std::string& segment : SegmentsOf(path)) {
    if (segment.front() == '.') {
      text += segment;
    } else {
      text += "[" + segment.substr(1) + "]";
    }
  }
  return text;
}

}  // namespace foreshard::fakes
