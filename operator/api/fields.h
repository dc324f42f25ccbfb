#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/api/value.h"

namespace foreshard::op {

// What is wrong with an object that a user wrote: each entry names the field, the value and what
// would be accepted.
class Problems {
 public:
  void Add(std::string_view path, std::string_view value, std::string_view accepted);
  bool none() const { return texts_.empty(); }
  // kGiveUp with reason InvalidSpec. REQUIRES: !none().
  Error AsError() const;

 private:
  std::vector<std::string> texts_;
};

template <typename Enum>
struct EnumName {
  Enum value;
  std::string_view name;
};

template <typename Enum>
std::string_view NameOf(std::span<const EnumName<Enum>> names, Enum value) {
  for (const EnumName<Enum>& known : names) {
    if (known.value == value) return known.name;
  }
  return {};
}

// Reads the members of one JSON object; an absent member gives the default, a wrong one a problem
// and the default.
class Fields {
 public:
  Fields(const Value& object, std::string path, Problems& problems);

  struct Limits {
    std::int64_t least = 0;
    std::int64_t most = INT64_MAX;
  };

  bool Has(std::string_view name) const { return !object_[name].is_null(); }
  std::string PathOf(std::string_view name) const;
  Fields Object(std::string_view name) const;
  const Value& Raw(std::string_view name) const { return object_[name]; }

  std::string Text(std::string_view name, std::string_view otherwise = {}) const;
  std::string RequiredText(std::string_view name) const;
  bool Bool(std::string_view name, bool otherwise) const;
  std::int64_t Int(std::string_view name, std::int64_t otherwise, Limits limits) const;
  int Small(std::string_view name, int otherwise, Limits limits) const;
  std::chrono::milliseconds Duration(std::string_view name,
                                     std::chrono::milliseconds otherwise) const;
  // The text as written and its value in whole units; "" and 0 where absent.
  struct Quantity {
    std::string text;
    std::int64_t value = 0;
  };
  Quantity Size(std::string_view name, std::string_view otherwise = {}) const;
  std::map<std::string, std::string> TextMap(std::string_view name) const;
  std::map<std::string, std::string> QuantityMap(std::string_view name) const;
  std::vector<std::string> TextList(std::string_view name) const;
  std::vector<Fields> ObjectList(std::string_view name) const;

  template <typename Enum>
  Enum OneOf(std::string_view name, std::span<const EnumName<Enum>> names, Enum otherwise) const {
    if (!Has(name)) return otherwise;
    const std::string text = Text(name);
    std::string accepted;
    for (const EnumName<Enum>& known : names) {
      if (known.name == text) return known.value;
      accepted += (accepted.empty() ? "one of " : ", ") + std::string(known.name);
    }
    problems_->Add(PathOf(name), text, accepted);
    return otherwise;
  }

  Problems& problems() const { return *problems_; }

 private:
  const Value& object_;
  std::string path_;
  Problems* problems_;
};

}  // namespace foreshard::op
