#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace foreshard::op {

// A JSON document as a plain value, so that builders and controllers need no JSON library. Members
// of an object are ordered by name: the same value always has the same text.
class Value {
 public:
  using List = std::vector<Value>;
  using Members = std::map<std::string, Value, std::less<>>;

  Value() = default;  // null
  Value(bool claim) : data_(claim) {}
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) Value(Integer number)
      : data_(static_cast<std::int64_t>(number)) {}
  Value(double number) : data_(number) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(List list) : data_(std::move(list)) {}
  Value(Members members) : data_(std::move(members)) {}

  // {{"name", "a"}, {"port", 5432}}
  static Value Object(std::initializer_list<std::pair<const std::string, Value>> members = {});
  static Value Array(std::initializer_list<Value> items = {});
  template <typename Map>
  static Value OfMap(const Map& map) {
    Members members;
    for (const auto& [name, item] : map) members.emplace(name, Value(item));
    return Value(std::move(members));
  }
  template <typename Items>
  static Value OfList(const Items& items) {
    List list;
    for (const auto& item : items) list.emplace_back(item);
    return Value(std::move(list));
  }

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(data_); }
  bool is_text() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_object() const { return std::holds_alternative<Members>(data_); }

  // What it is, or the given value where it is something else.
  bool Bool(bool otherwise = false) const;
  std::int64_t Int(std::int64_t otherwise = 0) const;
  double Real(double otherwise = 0) const;
  std::string Text(std::string_view otherwise = {}) const;
  const List& Items() const;      // empty where it is no list
  const Members& Fields() const;  // empty where it is no object

  // The member, or null where there is none.
  const Value& operator[](std::string_view name) const;
  // At("spec.template.spec"): members of members. Names with dots need operator[].
  const Value& At(std::string_view path) const;

  // Makes it an object if it is null. REQUIRES: null or object.
  Value& Set(std::string_view name, Value item);
  Value& Add(Value item);                // the same for lists
  Value& Member(std::string_view name);  // creates it
  void Remove(std::string_view name);

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Members> data_;
};

// Errors: kGiveUp with what is wrong and where. Numbers beyond int64 become reals.
Result<Value> ParseJson(std::string_view text);

std::string ToJson(const Value& value);        // one line
std::string ToPrettyJson(const Value& value);  // two spaces, for people and golden files

// True where everything in `wanted` is in `seen` with the same value; more in `seen` does not
// matter. Lists of objects with a "name" (or "containerPort", "mountPath", "id", "type") match by
// it, others by place. Texts that are quantities compare as such ("1000m" is "1"), since the API
// server rewrites them.
bool Covers(const Value& seen, const Value& wanted);

}  // namespace foreshard::op
