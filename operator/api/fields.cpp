#include "operator/api/fields.h"

#include <fmt/format.h>

#include "operator/api/duration.h"
#include "operator/api/quantity.h"

namespace foreshard::op {
namespace {

constexpr std::size_t kValueShown = 120;

std::string Shown(const Value& value) { return value.is_text() ? value.Text() : ToJson(value); }

// A quantity may be written as a number.
bool IsQuantityLike(const Value& value) { return value.is_text() || value.is_number(); }

}  // namespace

void Problems::Add(std::string_view path, std::string_view value, std::string_view accepted) {
  texts_.push_back(fmt::format("{}: '{}' is not accepted; give {}", path,
                               value.substr(0, kValueShown), accepted));
}

Error Problems::AsError() const {
  CHECK(!texts_.empty(), "no problem to tell");
  return Error::GiveUp(fmt::format("{}", fmt::join(texts_, "; ")), "InvalidSpec");
}

Fields::Fields(const Value& object, std::string path, Problems& problems)
    : object_(object), path_(std::move(path)), problems_(&problems) {
  if (!object_.is_null() && !object_.is_object())
    problems_->Add(path_, Shown(object_), "an object");
}

std::string Fields::PathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

Fields Fields::Object(std::string_view name) const {
  return Fields(object_[name], PathOf(name), *problems_);
}

std::string Fields::Text(std::string_view name, std::string_view otherwise) const {
  const Value& value = object_[name];
  if (value.is_null()) return std::string(otherwise);
  if (!value.is_text()) problems_->Add(PathOf(name), Shown(value), "a text");
  return value.Text(otherwise);
}

std::string Fields::RequiredText(std::string_view name) const {
  std::string text = Text(name);
  if (text.empty()) problems_->Add(PathOf(name), "", "a text that is not empty");
  return text;
}

bool Fields::Bool(std::string_view name, bool otherwise) const {
  const Value& value = object_[name];
  if (value.is_null()) return otherwise;
  if (!value.is_bool()) problems_->Add(PathOf(name), Shown(value), "true or false");
  return value.Bool(otherwise);
}

std::int64_t Fields::Int(std::string_view name, std::int64_t otherwise, Limits limits) const {
  const Value& value = object_[name];
  if (value.is_null()) return otherwise;
  if (value.is_int() && value.Int() >= limits.least && value.Int() <= limits.most)
    return value.Int();
  problems_->Add(PathOf(name), Shown(value),
                 fmt::format("a whole number from {} to {}", limits.least, limits.most));
  return otherwise;
}

int Fields::Small(std::string_view name, int otherwise, Limits limits) const {
  limits.most = std::min<std::int64_t>(limits.most, INT32_MAX);
  return static_cast<int>(Int(name, otherwise, limits));
}

std::chrono::milliseconds Fields::Duration(std::string_view name,
                                           std::chrono::milliseconds otherwise) const {
  if (!Has(name)) return otherwise;
  const std::string text = Text(name);
  const Result<std::chrono::milliseconds> duration = ParseDuration(text);
  if (duration) return *duration;
  problems_->Add(PathOf(name), text, "a duration, for example 500ms, 90s, 5m, 2h or 28d");
  return otherwise;
}

Fields::Quantity Fields::Size(std::string_view name, std::string_view otherwise) const {
  const Value& value = object_[name];
  const std::string text = value.is_null() ? std::string(otherwise) : Shown(value);
  if (text.empty()) return {};
  const Result<std::int64_t> number = ParseQuantity(text);
  if (number && *number >= 0 && (value.is_null() || IsQuantityLike(value))) return {text, *number};
  problems_->Add(PathOf(name), text, "a quantity, for example 20Gi");
  return {};
}

std::map<std::string, std::string> Fields::TextMap(std::string_view name) const {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : object_[name].Fields()) {
    if (!value.is_text()) problems_->Add(PathOf(name) + "." + key, Shown(value), "a text");
    texts.emplace(key, value.Text());
  }
  return texts;
}

std::map<std::string, std::string> Fields::QuantityMap(std::string_view name) const {
  std::map<std::string, std::string> quantities;
  for (const auto& [key, value] : object_[name].Fields()) {
    const Result<std::int64_t> number = ParseMilliQuantity(Shown(value));
    if (!number || *number < 0 || !IsQuantityLike(value)) {
      problems_->Add(PathOf(name) + "." + key, Shown(value), "a quantity, for example 500m or 2Gi");
      continue;
    }
    quantities.emplace(key, Shown(value));
  }
  return quantities;
}

std::vector<std::string> Fields::TextList(std::string_view name) const {
  std::vector<std::string> texts;
  for (const Value& item : object_[name].Items()) {
    if (!item.is_text()) {
      problems_->Add(fmt::format("{}[{}]", PathOf(name), texts.size()), Shown(item), "a text");
    }
    texts.push_back(item.Text());
  }
  return texts;
}

std::vector<Fields> Fields::ObjectList(std::string_view name) const {
  const Value& list = object_[name];
  if (!list.is_null() && !list.is_list()) problems_->Add(PathOf(name), Shown(list), "a list");
  std::vector<Fields> objects;
  for (const Value& item : list.Items()) {
    objects.emplace_back(item, fmt::format("{}[{}]", PathOf(name), objects.size()), *problems_);
  }
  return objects;
}

}  // namespace foreshard::op
