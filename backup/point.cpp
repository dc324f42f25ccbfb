#include "backup/point.h"

#include <fmt/format.h>

#include "base/check.h"

namespace foreshard::backup {
namespace {

constexpr std::size_t kNameMax = 63;  // MAXFNAMELEN - 1 of PostgreSQL

}  // namespace

std::string PointName(std::string_view set_uid, PointNumber number) {
  CHECK(number.value >= 1, "a point's number", number.value);
  std::string name = fmt::format("foreshard/{}/{}", set_uid, number.value);
  CHECK(name.size() <= kNameMax, "a point's name is too long for PostgreSQL", name);
  return name;
}

}  // namespace foreshard::backup
