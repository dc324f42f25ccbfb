#include "operator/points/kube_point_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "backup/point_json.h"
#include "kube/kinds.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr const char* kLabel = "foreshard.dev/points";
constexpr const char* kLast = "last";  // number
constexpr std::string_view kPrefix = "point-";

struct Book {
  std::string resource_version;
  std::int64_t last = 0;
  std::map<std::int64_t, std::string> points;
};

std::optional<std::int64_t> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

// Nothing: there is none yet.
Result<std::optional<Book>> Read(kube::KubeApi& kube, const kube::ObjectRef& ref,
                                 Deadline deadline) {
  const auto object = kube.Get(kube::kConfigMaps, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<Book>();
  const auto json = ParseJson((*object)->json);
  if (!json) return json.error();
  Book book;
  book.resource_version = (*object)->metadata.resource_version;
  for (const auto& [key, text] : (*json)["data"].Fields()) {
    if (key == kLast) book.last = std::max(book.last, NumberIn(text.Text()).value_or(0));
    if (!key.starts_with(kPrefix)) continue;
    const auto number = NumberIn(std::string_view(key).substr(kPrefix.size()));
    if (!number) continue;
    book.points.emplace(*number, text.Text());
    book.last = std::max(book.last, *number);
  }
  return std::optional(std::move(book));
}

std::string KeyOf(std::int64_t number) { return fmt::format("{}{}", kPrefix, number); }

// With the version that was read: who was slower looks again.
Status Write(kube::KubeApi& kube, const kube::ObjectRef& ref, const Book& book, Value data,
             Deadline deadline) {
  const Value patch =
      Value::Object({{"metadata", Value::Object({{"resourceVersion", book.resource_version}})},
                     {"data", std::move(data)}});
  const auto written = kube.Patch(kube::kConfigMaps, ref, ToJson(patch), {}, deadline);
  if (!written) return written.error();
  return Ok();
}

// What has to go so that `point` has its place.
void Prune(const Book& book, std::size_t added, std::optional<WallTime> oldest, Value& data) {
  std::size_t bytes = added;
  for (const auto& [number, text] : book.points) bytes += text.size();
  for (const auto& [number, text] : book.points) {
    const auto point = backup::PointFromJson(text);
    const bool gone = point && oldest && point->made_at < *oldest;
    if (!gone && bytes <= kPointBookBytesMax) continue;
    data.Set(KeyOf(number), Value());
    bytes -= text.size();
  }
}

}  // namespace

std::string PointBookName(const std::string& set) { return set + "-points"; }

Result<backup::PointNumber> KubePointBook::Begin(const std::string&, Deadline deadline) {
  const kube::ObjectRef ref{options_.set.name_space, PointBookName(options_.set.name)};
  const auto book = Read(options_.kube, ref, deadline);
  if (!book) return book.error();
  const std::int64_t number = *book ? (*book)->last + 1 : 1;
  Value data = Value::Object({{kLast, std::to_string(number)}});
  if (*book) {
    const Status written = Write(options_.kube, ref, **book, std::move(data), deadline);
    if (!written) return written.error();
    return backup::PointNumber{number};
  }
  Value object = KeptConfigMap({.name_space = ref.name_space, .name = options_.set.name, .uid = {}},
                               ref.name, kLabel);
  object.Set("data", std::move(data));
  const auto created = options_.kube.Create(kube::kConfigMaps, ref, ToJson(object), deadline);
  if (!created) return created.error();
  return backup::PointNumber{number};
}

Status KubePointBook::Keep(const backup::Point& point, Deadline deadline) {
  const kube::ObjectRef ref{options_.set.name_space, PointBookName(options_.set.name)};
  const auto book = Read(options_.kube, ref, deadline);
  if (!book) return book.error();
  if (!*book) return Error::Reobserve(fmt::format("ConfigMap {} is gone", ref.name));
  const std::string text = backup::PointToJson(point);
  const auto there = (*book)->points.find(point.number.value);
  if (there != (*book)->points.end()) {
    if (there->second == text) return Ok();
    return Error::Fenced(fmt::format("another point has the number {}", point.number.value));
  }
  Value data = Value::Object({{KeyOf(point.number.value), text}});
  Prune(**book, text.size(), options_.oldest, data);
  return Write(options_.kube, ref, **book, std::move(data), deadline);
}

Result<std::optional<std::vector<backup::Point>>> KubePointBook::ListAll(Deadline deadline) {
  const kube::ObjectRef ref{options_.set.name_space, PointBookName(options_.set.name)};
  const auto book = Read(options_.kube, ref, deadline);
  if (!book) return book.error();
  if (!*book) return std::optional<std::vector<backup::Point>>();
  std::vector<backup::Point> points;
  for (const auto& [number, text] : (*book)->points) {
    auto point = backup::PointFromJson(text);
    if (!point) return point.error();
    points.push_back(*std::move(point));
  }
  return std::optional(std::move(points));
}

Result<std::vector<backup::Point>> KubePointBook::List(const std::string& set_uid,
                                                       Deadline deadline) {
  auto all = ListAll(deadline);
  if (!all) return all.error();
  std::vector<backup::Point> points = *all ? **std::move(all) : std::vector<backup::Point>();
  std::erase_if(points, [&](const backup::Point& point) { return point.state.set_uid != set_uid; });
  return points;
}

}  // namespace foreshard::op
