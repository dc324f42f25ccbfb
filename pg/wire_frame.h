#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// One message of the PostgreSQL protocol, version 3, as it lies in a buffer: nothing is copied.
//
// A typed message is one byte of type, then four bytes of length in network order that count
// themselves, then the body. The first message of a connection has no type byte (see
// wire_startup.h). Source: PostgreSQL 15 documentation, "Message Formats".

namespace foreshard::pg {

struct WireFrame {
  char type = 0;
  std::string_view body;   // without type and length
  std::string_view whole;  // as on the wire
};

enum class WireFrameState { kComplete, kIncomplete, kInvalid };

inline std::uint16_t LoadUint16(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

inline std::uint32_t LoadUint32(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

inline constexpr std::size_t kWireHeaderBytes = 5;

// Looks at the first message of `bytes`. kIncomplete: wait for more, `*frame` is untouched.
// kInvalid: the length is below four or the message is longer than `bytes_max`; the connection
// cannot go on. O(1), no allocation.
inline WireFrameState NextFrame(std::string_view bytes, std::size_t bytes_max, WireFrame* frame) {
  if (bytes.size() < kWireHeaderBytes) return WireFrameState::kIncomplete;
  const std::size_t length = LoadUint32(bytes.data() + 1);
  if (length < 4 || length > bytes_max) return WireFrameState::kInvalid;
  if (bytes.size() - 1 < length) return WireFrameState::kIncomplete;
  frame->type = bytes[0];
  frame->whole = bytes.substr(0, length + 1);
  frame->body = bytes.substr(kWireHeaderBytes, length - 4);
  return WireFrameState::kComplete;
}

// Type and length of a message that may not be there yet; 0 if not even the header is. No check of
// the length.
inline std::size_t FrameBytesAnnounced(std::string_view bytes) {
  return bytes.size() < kWireHeaderBytes ? 0 : std::size_t{LoadUint32(bytes.data() + 1)} + 1;
}

}  // namespace foreshard::pg
