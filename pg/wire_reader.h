#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "pg/wire_frame.h"

namespace foreshard::pg {

// Takes fields off the front of a message's body. Bytes come from outside, so nothing is trusted:
// after a field that is not there every later field is empty and ok() is false. Views point into
// the body.
class WireReader {
 public:
  explicit WireReader(std::string_view body) : rest_(body) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::uint8_t Byte() {
    if (!Has(1)) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::int16_t Int16() {
    if (!Has(2)) return 0;
    const auto value = static_cast<std::int16_t>(LoadUint16(rest_.data()));
    rest_.remove_prefix(2);
    return value;
  }

  std::int32_t Int32() {
    if (!Has(4)) return 0;
    const auto value = static_cast<std::int32_t>(LoadUint32(rest_.data()));
    rest_.remove_prefix(4);
    return value;
  }

  // Up to the zero byte, which is taken too.
  std::string_view String() {
    const std::size_t end = ok_ ? rest_.find('\0') : std::string_view::npos;
    if (end == std::string_view::npos) return Fail();
    const std::string_view value = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return value;
  }

  std::string_view Bytes(std::size_t count) {
    if (!Has(count)) return {};
    const std::string_view value = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return value;
  }

 private:
  bool Has(std::size_t count) {
    if (ok_ && rest_.size() >= count) return true;
    Fail();
    return false;
  }
  std::string_view Fail() {
    ok_ = false;
    rest_ = {};
    return {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace foreshard::pg
