#pragma once

#include <compare>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

// Fields and their owners, for the fake API server: what server-side apply needs to know of an
// object's shape. It has no schemas: which lists are maps, and by which key, is a table of the
// names we use.

namespace foreshard::fakes {

using Json = nlohmann::json;

// A leaf: where it stands. Opaque; equal texts are the same field. Elements of list maps are named
// by their key.
using FieldPath = std::string;

struct ManagerId {
  std::string name;
  std::string operation;  // "Apply" or "Update"
  std::string subresource;
  auto operator<=>(const ManagerId&) const = default;
};

using Managers = std::map<ManagerId, std::set<FieldPath>>;

// Every leaf of what managers can own: not apiVersion, kind and the metadata the server writes.
std::map<FieldPath, Json> LeavesOf(const Json& object);

// `live` with the fields of `applied` put over it; list maps by key, sets united, other lists
// replaced.
Json MergeFields(Json live, const Json& applied);

// `object` without these leaves, and without what became empty by that.
Json RemoveFields(Json object, const std::set<FieldPath>& paths);

// Owners after a plain write by `manager`: it owns what it changed, nobody owns what is gone.
Managers OwnersAfterUpdate(Managers managers, const ManagerId& manager, const Json& before,
                           const Json& after);

// For messages.
std::string ReadablePath(const FieldPath& path);

}  // namespace foreshard::fakes
