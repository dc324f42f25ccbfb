#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pg/wire_frame.h"

// The first message of a connection: no type byte, four bytes of length, four bytes that say what
// it is.

namespace foreshard::pg {

inline constexpr std::size_t kStartupBytesMax = 10'000;  // as PostgreSQL: MAX_STARTUP_PACKET_LENGTH

struct StartupPacket {
  enum class Kind { kStartup, kSslRequest, kGssEncRequest, kCancelRequest };
  Kind kind = Kind::kStartup;
  std::uint16_t major = 0;  // of kStartup
  std::uint16_t minor = 0;
  std::map<std::string, std::string> parameters;  // of kStartup
  std::uint32_t process_id = 0;                   // of kCancelRequest
  std::uint32_t secret_key = 0;
  std::size_t bytes = 0;  // of the whole packet
};

// kIncomplete: wait for more. kInvalid: answer 08P01 and close.
WireFrameState NextStartup(std::string_view bytes, StartupPacket* packet);

void AppendStartup(std::string* out, const std::map<std::string, std::string>& parameters);
void AppendSslRequest(std::string* out);
void AppendCancelRequest(std::string* out, std::uint32_t process_id, std::uint32_t secret_key);

}  // namespace foreshard::pg
