#include "operator/api/value.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "operator/api/quantity.h"

namespace foreshard::op {
namespace {

using Json = nlohmann::json;

const Value kNull;

// Objects of Kubernetes and answers of routers are far flatter. What is deeper would cost a frame
// of the stack for each level wherever it is walked.
constexpr int kDepthMax = 200;

bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDepthMax) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Value FromJson(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return json.get<double>();
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return Value(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      Value::List list;
      list.reserve(json.size());
      for (const Json& item : json) list.push_back(FromJson(item));
      return Value(std::move(list));
    }
    case Json::value_t::object: {
      Value::Members members;
      for (const auto& [name, item] : json.items()) members.emplace(name, FromJson(item));
      return Value(std::move(members));
    }
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      return {};
  }
  return {};
}

Json ToNlohmann(const Value& value) {
  if (value.is_bool()) return value.Bool();
  if (value.is_int()) return value.Int();
  if (value.is_number()) return value.Real();
  if (value.is_text()) return value.Text();
  if (value.is_list()) {
    Json list = Json::array();
    for (const Value& item : value.Items()) list.push_back(ToNlohmann(item));
    return list;
  }
  if (value.is_object()) {
    Json members = Json::object();
    for (const auto& [name, item] : value.Fields()) members[name] = ToNlohmann(item);
    return members;
  }
  return nullptr;
}

bool SameScalar(const Value& seen, const Value& wanted) {
  if (seen == wanted) return true;
  if (seen.is_number() && wanted.is_number()) return seen.Real() == wanted.Real();
  const bool texts =
      (seen.is_text() || seen.is_number()) && (wanted.is_text() || wanted.is_number());
  if (!texts) return false;
  const auto as_text = [](const Value& value) {
    return value.is_text() ? value.Text() : ToJson(value);
  };
  const Result<std::int64_t> a = ParseMilliQuantity(as_text(seen));
  const Result<std::int64_t> b = ParseMilliQuantity(as_text(wanted));
  return a && b && *a == *b;
}

// The member by which items of this list are told apart; "" if by their place.
std::string_view KeyOf(const Value::List& wanted) {
  static constexpr std::array<std::string_view, 6> kKeys = {"name", "mountPath", "containerPort",
                                                            "id",   "type",      "topologyKey"};
  for (const std::string_view key : kKeys) {
    bool all = !wanted.empty();
    for (const Value& item : wanted) all = all && !item[key].is_null();
    if (all) return key;
  }
  return {};
}

bool ListCovers(const Value::List& seen, const Value::List& wanted) {
  if (seen.size() < wanted.size()) return false;
  const std::string_view key = KeyOf(wanted);
  if (key.empty()) {
    if (seen.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!Covers(seen[i], wanted[i])) return false;
    }
    return true;
  }
  for (const Value& item : wanted) {
    bool found = false;
    for (const Value& other : seen)
      found = found || (other[key] == item[key] && Covers(other, item));
    if (!found) return false;
  }
  return true;
}

bool IsEmptyValue(const Value& value) {
  return value.is_null() || (value.is_list() && value.Items().empty()) ||
         (value.is_object() && value.Fields().empty()) ||
         (value.is_text() && value.Text().empty()) || (value.is_bool() && !value.Bool());
}

}  // namespace

Value Value::Object(std::initializer_list<std::pair<const std::string, Value>> members) {
  return Value(Members(members));
}

Value Value::Array(std::initializer_list<Value> items) { return Value(List(items)); }

bool Value::Bool(bool otherwise) const {
  const bool* claim = std::get_if<bool>(&data_);
  return claim != nullptr ? *claim : otherwise;
}

std::int64_t Value::Int(std::int64_t otherwise) const {
  const std::int64_t* number = std::get_if<std::int64_t>(&data_);
  return number != nullptr ? *number : otherwise;
}

double Value::Real(double otherwise) const {
  if (is_int()) return static_cast<double>(Int());
  const double* number = std::get_if<double>(&data_);
  return number != nullptr ? *number : otherwise;
}

std::string Value::Text(std::string_view otherwise) const {
  const std::string* text = std::get_if<std::string>(&data_);
  return text != nullptr ? *text : std::string(otherwise);
}

const Value::List& Value::Items() const {
  static const List kEmpty;
  const List* list = std::get_if<List>(&data_);
  return list != nullptr ? *list : kEmpty;
}

const Value::Members& Value::Fields() const {
  static const Members kEmpty;
  const Members* members = std::get_if<Members>(&data_);
  return members != nullptr ? *members : kEmpty;
}

const Value& Value::operator[](std::string_view name) const {
  const Members& members = Fields();
  const auto found = members.find(name);
  return found != members.end() ? found->second : kNull;
}

const Value& Value::At(std::string_view path) const {
  const Value* value = this;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    value = &(*value)[path.substr(0, dot)];
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *value;
}

Value& Value::Member(std::string_view name) {
  if (is_null()) data_ = Members();
  CHECK(is_object(), "member of what is no object", name);
  return std::get<Members>(data_)[std::string(name)];
}

Value& Value::Set(std::string_view name, Value item) {
  Member(name) = std::move(item);
  return *this;
}

Value& Value::Add(Value item) {
  if (is_null()) data_ = List();
  CHECK(is_list(), "item of what is no list");
  std::get<List>(data_).push_back(std::move(item));
  return *this;
}

void Value::Remove(std::string_view name) {
  if (!is_object()) return;
  Members& members = std::get<Members>(data_);
  const auto found = members.find(name);
  if (found != members.end()) members.erase(found);
}

Result<Value> ParseJson(std::string_view text) {
  if (IsTooDeep(text))
    return Error::GiveUp(fmt::format("not usable JSON: more than {} levels deep", kDepthMax));
  try {
    return FromJson(Json::parse(text));
  } catch (const Json::exception& error) {
    return Error::GiveUp(fmt::format("not JSON: {}", error.what()));
  }
}

std::string ToJson(const Value& value) {
  return ToNlohmann(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToPrettyJson(const Value& value) {
  return ToNlohmann(value).dump(2, ' ', false, Json::error_handler_t::replace);
}

bool Covers(const Value& seen, const Value& wanted) {
  if (wanted.is_object() && seen.is_object()) {
    for (const auto& [name, item] : wanted.Fields()) {
      if (!Covers(seen[name], item)) return false;
    }
    return true;
  }
  if (wanted.is_list() && seen.is_list()) return ListCovers(seen.Items(), wanted.Items());
  // The API server leaves out what is empty.
  if (seen.is_null()) return IsEmptyValue(wanted);
  return SameScalar(seen, wanted);
}

}  // namespace foreshard::op
