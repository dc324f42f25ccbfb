#include "pg/wire_startup.h"

#include "pg/wire_reader.h"

namespace foreshard::pg {
namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssEncCode = 80877104;
constexpr std::uint32_t kVersion3 = 196608;

void AppendUint32(std::string* out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

bool ReadParameters(std::string_view body, std::map<std::string, std::string>* parameters) {
  WireReader reader(body);
  while (reader.ok() && !reader.AtEnd()) {
    const std::string_view name = reader.String();
    if (name.empty()) return reader.ok() && reader.AtEnd();
    (*parameters)[std::string(name)] = std::string(reader.String());
  }
  return false;  // The list must end with an empty name.
}

}  // namespace

WireFrameState NextStartup(std::string_view bytes, StartupPacket* packet) {
  if (bytes.size() < 4) return WireFrameState::kIncomplete;
  const std::size_t length = LoadUint32(bytes.data());
  if (length < 8 || length > kStartupBytesMax) return WireFrameState::kInvalid;
  if (bytes.size() < length) return WireFrameState::kIncomplete;
  const std::uint32_t code = LoadUint32(bytes.data() + 4);
  const std::string_view body = bytes.substr(8, length - 8);
  StartupPacket seen;
  seen.bytes = length;
  if (code == kCancelCode) {
    if (body.size() != 8) return WireFrameState::kInvalid;
    seen.kind = StartupPacket::Kind::kCancelRequest;
    seen.process_id = LoadUint32(body.data());
    seen.secret_key = LoadUint32(body.data() + 4);
  } else if (code == kSslCode || code == kGssEncCode) {
    if (!body.empty()) return WireFrameState::kInvalid;
    seen.kind =
        code == kSslCode ? StartupPacket::Kind::kSslRequest : StartupPacket::Kind::kGssEncRequest;
  } else {
    seen.major = static_cast<std::uint16_t>(code >> 16);
    seen.minor = static_cast<std::uint16_t>(code & 0xffff);
    if (!ReadParameters(body, &seen.parameters)) return WireFrameState::kInvalid;
  }
  *packet = std::move(seen);
  return WireFrameState::kComplete;
}

void AppendStartup(std::string* out, const std::map<std::string, std::string>& parameters) {
  std::string body;
  AppendUint32(&body, kVersion3);
  for (const auto& [name, value] : parameters) {
    body.append(name).push_back('\0');
    body.append(value).push_back('\0');
  }
  body.push_back('\0');
  AppendUint32(out, static_cast<std::uint32_t>(body.size() + 4));
  out->append(body);
}

void AppendSslRequest(std::string* out) {
  AppendUint32(out, 8);
  AppendUint32(out, kSslCode);
}

void AppendCancelRequest(std::string* out, std::uint32_t process_id, std::uint32_t secret_key) {
  AppendUint32(out, 16);
  AppendUint32(out, kCancelCode);
  AppendUint32(out, process_id);
  AppendUint32(out, secret_key);
}

}  // namespace foreshard::pg
