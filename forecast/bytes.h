#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// A flat binary form for cached state: little-endian numbers one after the other, vectors with
// their length before them.

namespace foreshard::forecast {

class ByteWriter {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T>
  void Put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
  }
  template <typename Container>
  void PutAll(const Container& values) {
    Put(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) Put(value);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote. After the first bad read everything is zero and good() is false:
// check once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  requires std::is_arithmetic_v<T> T Get() {
    T value{};
    if (bytes_.size() < sizeof(T)) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }
  template <typename T>
  void Get(T& value) {
    value = Get<T>();
  }
  // Into a container of a size known before; another size is damage.
  template <typename Container>
  void GetAll(Container& values) {
    if (Get<std::uint32_t>() != values.size()) good_ = false;
    for (auto& value : values) Get(value);
  }
  template <typename T>
  std::vector<T> GetVector(std::size_t most) {
    const auto count = Get<std::uint32_t>();
    if (count > most || bytes_.size() < count * sizeof(T)) good_ = false;
    std::vector<T> values(good_ ? count : 0);
    for (T& value : values) Get(value);
    return values;
  }
  bool good() const { return good_; }
  bool AtEnd() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

// FNV-1a, 64 bit: notices damage, defends against nobody.
inline std::uint64_t Checksum(std::string_view bytes) {
  std::uint64_t hash = 1469598103934665603ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace foreshard::forecast
