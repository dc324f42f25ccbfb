#include "kube/object_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/http_error.h"
#include "kube/json_skimmer.h"

namespace foreshard::kube {
namespace {

using Json = nlohmann::json;

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool Truth(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::int64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::map<std::string, std::string> TextMap(const Json& object, const char* key) {
  std::map<std::string, std::string> map;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return map;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) map.emplace(name, value.get<std::string>());
  }
  return map;
}

std::vector<OwnerReference> OwnersOf(const Json& metadata) {
  std::vector<OwnerReference> owners;
  const auto found = metadata.find("ownerReferences");
  if (found == metadata.end() || !found->is_array()) return owners;
  for (const Json& owner : *found) {
    if (!owner.is_object()) continue;
    owners.push_back({.api_version = Text(owner, "apiVersion"),
                      .kind = Text(owner, "kind"),
                      .name = Text(owner, "name"),
                      .uid = Text(owner, "uid"),
                      .controller = Truth(owner, "controller")});
  }
  return owners;
}

Metadata MetadataOf(const Json& object) {
  Metadata metadata;
  const auto found = object.find("metadata");
  if (found == object.end() || !found->is_object()) return metadata;
  metadata.name_space = Text(*found, "namespace");
  metadata.name = Text(*found, "name");
  metadata.uid = Text(*found, "uid");
  metadata.resource_version = Text(*found, "resourceVersion");
  metadata.generation = Number(*found, "generation");
  metadata.creation_timestamp = Text(*found, "creationTimestamp");
  if (std::string when = Text(*found, "deletionTimestamp"); !when.empty())
    metadata.deletion_timestamp = std::move(when);
  metadata.labels = TextMap(*found, "labels");
  metadata.annotations = TextMap(*found, "annotations");
  if (const auto names = found->find("finalizers"); names != found->end() && names->is_array()) {
    for (const Json& name : *names) {
      if (name.is_string()) metadata.finalizers.push_back(name.get<std::string>());
    }
  }
  metadata.owners = OwnersOf(*found);
  return metadata;
}

bool Begins(std::string_view value, char with) { return !value.empty() && value.front() == with; }

std::string_view MemberOf(std::string_view object, std::string_view name) {
  std::string_view found;
  JsonSkimmer(object).Members([&](std::string_view member, std::string_view value) {
    if (member == name) found = value;
  });
  return found;
}

// `object` without what only the server needs: a cut in the text, since to write all of it anew
// would be most of the work of an event. REQUIRES: valid JSON.
std::string KeptText(std::string_view object) {
  constexpr std::string_view kDropped = "managedFields";
  const std::string_view metadata = MemberOf(object, "metadata");
  const std::string_view dropped = MemberOf(metadata, kDropped);
  if (dropped.empty()) return std::string(object);
  const auto value = static_cast<std::size_t>(dropped.data() - object.data());
  std::size_t begin = object.rfind(kDropped, value) - 1;  // its quote
  std::size_t end = object.find_first_of(",}", value + dropped.size());
  if (object[end] == ',') {
    ++end;
  } else {
    const std::size_t before = object.find_last_of(",{", begin);
    begin = object[before] == ',' ? before : begin;  // it was the last one
  }
  return std::string(object.substr(0, begin)).append(object.substr(end));
}

// Lists of what is built in say it only once, for all items.
std::string WithKind(const ResourceKind& kind, std::string item) {
  if (!MemberOf(item, "kind").empty()) return item;
  const bool empty = item == "{}";
  return item.insert(1, fmt::format(R"("apiVersion":"{}","kind":"{}"{})", ApiVersionOf(kind),
                                    kind.kind, empty ? "" : ","));
}

// REQUIRES: valid JSON. Of the whole text only the metadata are parsed.
Object KeptObject(std::string text) {
  Json parsed;
  parsed["metadata"] = Json::parse(MemberOf(text, "metadata"), nullptr, false);
  return {.metadata = MetadataOf(parsed), .json = std::move(text)};
}

Error NotAnObject(std::string_view what) {
  return Error::GiveUp(fmt::format("{}: not a JSON object", what), "InvalidAnswer");
}

}  // namespace

Result<Object> ParseObject(std::string json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return NotAnObject("object");
  return Object{.metadata = MetadataOf(parsed), .json = std::move(json)};
}

Result<ListPage> ParseListPage(const ResourceKind& kind, std::string_view json) {
  if (!Begins(json, '{') || !Json::accept(json)) return NotAnObject("list");
  ListPage page;
  if (const Json metadata = Json::parse(MemberOf(json, "metadata"), nullptr, false);
      metadata.is_object()) {
    page.resource_version = Text(metadata, "resourceVersion");
    page.continue_token = Text(metadata, "continue");
  }
  const std::string_view items = MemberOf(json, "items");
  if (items.empty() || items == "null") return page;
  if (!Begins(items, '[')) return NotAnObject("list.items");
  bool good = true;
  JsonSkimmer(items).Elements([&](std::string_view item) {
    good = good && Begins(item, '{');
    if (good) page.items.push_back(KeptObject(WithKind(kind, KeptText(item))));
  });
  if (!good) return NotAnObject("list.items[]");
  return page;
}

Result<WatchEvent> ParseWatchLine(std::string_view line) {
  if (!Begins(line, '{') || !Json::accept(line)) return NotAnObject("watch event");
  const std::string_view object = MemberOf(line, "object");
  if (!Begins(object, '{')) return NotAnObject("watch event.object");
  const std::string_view type = MemberOf(line, "type");
  if (type == "\"ERROR\"") {
    const int code = static_cast<int>(Number(Json::parse(object), "code"));
    return HttpError(code == 0 ? 500 : code, "watch", std::string(object));
  }
  WatchEvent event{.type = WatchEventType::kAdded, .object = KeptObject(KeptText(object))};
  if (type == "\"ADDED\"") return event;
  event.type = WatchEventType::kModified;
  if (type == "\"MODIFIED\"") return event;
  event.type = WatchEventType::kDeleted;
  if (type == "\"DELETED\"") return event;
  event.type = WatchEventType::kBookmark;
  event.object.json.clear();
  if (type == "\"BOOKMARK\"") return event;
  return Error::GiveUp(fmt::format("watch event: type {} is not known", type), "InvalidAnswer");
}

StatusText ParseStatus(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object() || Text(parsed, "kind") != "Status") return {};
  return {.message = Text(parsed, "message"),
          .reason = Text(parsed, "reason"),
          .code = static_cast<int>(Number(parsed, "code"))};
}

std::string DeleteOptionsJson(const DeleteOptions& options) {
  Json body = {
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  return body.dump();
}

std::string EvictionJson(const ObjectRef& pod) {
  const Json body = {{"apiVersion", "policy/v1"},
                     {"kind", "Eviction"},
                     {"metadata", {{"name", pod.name}, {"namespace", pod.name_space}}}};
  return body.dump();
}

std::string ApiVersionOf(const ResourceKind& kind) {
  return kind.group.empty() ? kind.version : fmt::format("{}/{}", kind.group, kind.version);
}

std::string Describe(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref) {
  if (ref.name_space.empty()) return fmt::format("{} {} {}", verb, kind.plural, ref.name);
  return fmt::format("{} {} {}/{}", verb, kind.plural, ref.name_space, ref.name);
}

}  // namespace foreshard::kube
