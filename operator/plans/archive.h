#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/api/fields.h"

// One description of a struct serves its writer and its reader, so that the two cannot drift apart:
// a function template `Describe(archive, value)` names each field once, and both archives below
// understand it.
//
// Reading is strict: what is missing, unknown or out of its limits is a problem that names the
// field, its value and what would be accepted.

namespace foreshard::op {

struct Between {
  double least = 0;
  double most = 1e12;
};
struct Count {
  std::size_t least = 0;
  std::size_t most = 10'000;
};

class WriteArchive {
 public:
  static constexpr bool kReads = false;

  template <std::integral Integer>
  void Whole(const char* name, Integer& value, Between) {
    members_.emplace(name, Value(static_cast<std::int64_t>(value)));
  }
  template <std::integral Integer>
  void OptionalWhole(const char* name, std::optional<Integer>& value, Between) {
    members_.emplace(name, value ? Value(static_cast<std::int64_t>(*value)) : Value());
  }
  void Number(const char* name, double& value, Between) { members_.emplace(name, Value(value)); }
  void Flag(const char* name, bool& value) { members_.emplace(name, Value(value)); }
  void Text(const char* name, std::string& value, Count) { members_.emplace(name, Value(value)); }
  template <typename Numbers>
  void NumberList(const char* name, Numbers& values, Between, Count) {
    members_.emplace(name, Value::OfList(values));
  }
  template <typename Table>
  void NumberTable(const char* name, Table& rows, Between, Count, Count) {
    Value::List list;
    for (const auto& row : rows) list.push_back(Value::OfList(row));
    members_.emplace(name, Value(std::move(list)));
  }
  template <typename T>
  void Object(const char* name, T& value) {
    members_.emplace(name, Written(value));
  }
  template <typename T>
  void ObjectList(const char* name, std::vector<T>& values, Count) {
    Value::List list;
    for (T& value : values) list.push_back(Written(value));
    members_.emplace(name, Value(std::move(list)));
  }
  template <typename Enum>
  void OneOf(const char* name, std::span<const EnumName<Enum>> names, Enum& value) {
    members_.emplace(name, Value(NameOf(names, value)));
  }
  void Refuse(const std::string&, const std::string&, const std::string&) {}

  template <typename T>
  static Value Written(T& value) {
    WriteArchive archive;
    Describe(archive, value);
    return Value(std::move(archive.members_));
  }

 private:
  Value::Members members_;
};

class ReadArchive {
 public:
  static constexpr bool kReads = true;

  ReadArchive(const Value& object, std::string path, Problems& problems)
      : object_(object), path_(std::move(path)), problems_(problems) {}

  template <std::integral Integer>
  void Whole(const char* name, Integer& value, Between limits) {
    const Value& item = Take(name);
    // Not by way of a real: it would not hold every bin.
    const auto least = static_cast<std::int64_t>(limits.least);
    const auto most = static_cast<std::int64_t>(limits.most);
    const std::int64_t read = item.Int();
    if (item.is_int() && read >= least && read <= most && std::in_range<Integer>(read)) {
      value = static_cast<Integer>(read);
    } else {
      Refuse(name, Shown(item), fmt::format("a whole number from {} to {}", least, most));
    }
  }
  template <std::integral Integer>
  void OptionalWhole(const char* name, std::optional<Integer>& value, Between limits) {
    value.reset();
    if (Take(name).is_null() && object_.Fields().contains(name)) return;
    Integer read{};
    Whole(name, read, limits);
    value = read;
  }
  void Number(const char* name, double& value, Between limits) {
    ReadNumber(Take(name), name, limits, value);
  }
  void Flag(const char* name, bool& value) {
    const Value& item = Take(name);
    if (!item.is_bool()) Refuse(name, Shown(item), "true or false");
    value = item.Bool();
  }
  void Text(const char* name, std::string& value, Count length) {
    const Value& item = Take(name);
    value = item.Text();
    if (!item.is_text() || value.size() < length.least || value.size() > length.most)
      Refuse(name, Shown(item), fmt::format("a text of {} to {} bytes", length.least, length.most));
  }
  template <typename Numbers>
  void NumberList(const char* name, Numbers& values, Between limits, Count count) {
    ReadNumbers(Take(name), name, limits, count, values);
  }
  template <typename Table>
  void NumberTable(const char* name, Table& rows, Between limits, Count count, Count columns) {
    const Value& list = Take(name);
    if (!Counted(list, name, count)) return;
    rows.assign(list.Items().size(), {});
    for (std::size_t i = 0; i < rows.size(); ++i)
      ReadNumbers(list.Items()[i], fmt::format("{}[{}]", name, i), limits, columns, rows[i]);
  }
  template <typename T>
  void Object(const char* name, T& value) {
    Read(Take(name), PathOf(name), problems_, value);
  }
  template <typename T>
  void ObjectList(const char* name, std::vector<T>& values, Count count) {
    const Value& list = Take(name);
    if (!Counted(list, name, count)) return;
    values.assign(list.Items().size(), {});
    for (std::size_t i = 0; i < values.size(); ++i)
      Read(list.Items()[i], fmt::format("{}[{}]", PathOf(name), i), problems_, values[i]);
  }
  template <typename Enum>
  void OneOf(const char* name, std::span<const EnumName<Enum>> names, Enum& value) {
    const Value& item = Take(name);
    std::string accepted;
    for (const EnumName<Enum>& known : names) {
      if (item.is_text() && item.Text() == known.name) {
        value = known.value;
        return;
      }
      accepted += (accepted.empty() ? "one of " : ", ") + std::string(known.name);
    }
    Refuse(name, Shown(item), accepted);
  }
  void Refuse(const std::string& name, const std::string& value, const std::string& accepted) {
    problems_.Add(PathOf(name), value, accepted);
  }

  template <typename T>
  static void Read(const Value& object, const std::string& path, Problems& problems, T& value) {
    if (!object.is_object()) {
      problems.Add(path, Shown(object), "an object");
      return;
    }
    ReadArchive archive(object, path, problems);
    Describe(archive, value);
    for (const auto& [name, item] : object.Fields()) {
      if (!archive.taken_.contains(name))
        problems.Add(archive.PathOf(name), Shown(item), "only fields of this version");
    }
  }

 private:
  static std::string Shown(const Value& value) {
    if (value.is_list()) return fmt::format("a list of {}", value.Items().size());
    if (value.is_object()) return "an object";
    return value.is_text() ? value.Text() : ToJson(value);
  }
  std::string PathOf(const std::string& name) const {
    return path_.empty() ? name : fmt::format("{}.{}", path_, name);
  }
  const Value& Take(const char* name) {
    taken_.insert(name);
    return object_[name];
  }
  bool Counted(const Value& list, const std::string& name, Count count) {
    if (list.is_list() && list.Items().size() >= count.least && list.Items().size() <= count.most)
      return true;
    Refuse(name, Shown(list),
           count.least == count.most ? fmt::format("a list of {}", count.least)
                                     : fmt::format("a list of {} to {}", count.least, count.most));
    return false;
  }
  void ReadNumber(const Value& item, const std::string& name, Between limits, double& value) {
    const double read = item.Real(std::numeric_limits<double>::quiet_NaN());
    if (std::isfinite(read) && read >= limits.least && read <= limits.most) {
      value = read;
    } else {
      Refuse(name, Shown(item), fmt::format("a number from {} to {}", limits.least, limits.most));
    }
  }
  // `values`: a vector, or an array of as many as `count` wants.
  template <typename Numbers>
  void ReadNumbers(const Value& list, const std::string& name, Between limits, Count count,
                   Numbers& values) {
    if (!Counted(list, name, count)) return;
    if constexpr (requires { values.resize(1); }) values.resize(list.Items().size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      double read = 0;
      ReadNumber(list.Items()[i], fmt::format("{}[{}]", name, i), limits, read);
      values[i] = static_cast<typename Numbers::value_type>(read);
    }
  }

  const Value& object_;
  std::string path_;
  Problems& problems_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace foreshard::op
