#include "router/greeter.h"

#include <fmt/format.h>

#include "pg/wire_reader.h"
#include "pg/wire_writer.h"
#include "router/limits.h"

namespace foreshard::router {
namespace {

constexpr char kTlsHandshakeByte = 0x16;
constexpr std::int32_t kSaslRequest = 10;
constexpr std::int32_t kSaslContinue = 11;
constexpr std::int32_t kSaslFinal = 12;

void AppendAuthentication(std::string* out, std::int32_t kind, std::string_view data) {
  pg::WireWriter(out, 'R').Int32(kind).Bytes(data).End();
}

// The next word of PostgreSQL's "options": separated by spaces, a backslash takes the next
// character as it is.
std::string NextWord(std::string_view* text) {
  while (!text->empty() && text->front() == ' ') text->remove_prefix(1);
  std::string word;
  while (!text->empty() && text->front() != ' ') {
    if (text->front() == '\\' && text->size() > 1) text->remove_prefix(1);
    word.push_back(text->front());
    text->remove_prefix(1);
  }
  return word;
}

}  // namespace

Greeter::Greeter(Options options) : options_(std::move(options)) {}

Greeter::Next Greeter::Refuse(std::string* out, std::string_view code, std::string_view message,
                              std::string_view hint) {
  state_ = State::kEnd;
  refusal_code_ = std::string(code);
  pg::AppendError(out, {.severity = "FATAL",
                        .code = std::string(code),
                        .message = std::string(message),
                        .detail = {},
                        .hint = std::string(hint)});
  return Next::kRefuse;
}

Greeter::Next Greeter::Receive(std::string_view* bytes, std::string* out) {
  switch (state_) {
    case State::kFirst: {
      const Next next = First(bytes, out);
      // A client may say its first word of SASL without having heard what there is.
      return next == Next::kMore && state_ == State::kSasl ? Sasl(bytes, out) : next;
    }
    case State::kSasl:
    case State::kSaslFinal:
      return Sasl(bytes, out);
    case State::kEnd:
      return Next::kRefuse;
  }
  Unreachable(state_);
}

Greeter::Next Greeter::First(std::string_view* bytes, std::string* out) {
  while (!bytes->empty()) {
    if (!encrypted_ &&
        bytes->front() == kTlsHandshakeByte) {  // Direct TLS: no SSLRequest before it.
      direct_ = true;
      return options_.tls_available ? Next::kStartTls
                                    : Refuse(out, "08P01", "TLS is not available here");
    }
    pg::StartupPacket packet;
    const pg::WireFrameState seen = pg::NextStartup(*bytes, &packet);
    if (seen == pg::WireFrameState::kIncomplete) return Next::kMore;
    if (seen == pg::WireFrameState::kInvalid) return Refuse(out, "08P01", "invalid startup packet");
    bytes->remove_prefix(packet.bytes);
    switch (packet.kind) {
      case pg::StartupPacket::Kind::kSslRequest:
        if (encrypted_) return Refuse(out, "08P01", "SSLRequest inside TLS");
        out->push_back(options_.tls_available ? 'S' : 'N');
        if (!options_.tls_available) continue;
        // Bytes sent before the handshake could come from somebody in the middle (CVE-2021-23214).
        if (!bytes->empty())
          return Refuse(out, "08P01", "received unencrypted data after SSL request");
        return Next::kStartTls;
      case pg::StartupPacket::Kind::kGssEncRequest:
        if (encrypted_ || asked_gss_) return Refuse(out, "08P01", "unexpected GSSENCRequest");
        asked_gss_ = true;
        out->push_back('N');
        continue;
      case pg::StartupPacket::Kind::kCancelRequest:
        cancel_ = {packet.process_id, packet.secret_key};
        state_ = State::kEnd;
        return Next::kCancel;
      case pg::StartupPacket::Kind::kStartup:
        return Startup(std::move(packet), out);
    }
  }
  return Next::kMore;
}

Greeter::Next Greeter::Startup(pg::StartupPacket packet, std::string* out) {
  if (packet.major != 3) {
    return Refuse(out, "0A000",
                  fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                              packet.major, packet.minor));
  }
  if (options_.tls_required && !encrypted_) {
    return Refuse(out, "28000", "connections without TLS are not accepted", "Use sslmode=require.");
  }
  std::vector<std::string> unknown;
  for (auto& [name, value] : packet.parameters) {
    if (name == "user") {
      user_ = value;
    } else if (name == "database") {
      database_ = value;
    } else if (name == "options") {
      if (!TakeOptions(value))
        return Refuse(out, "08P01",
                      "startup parameter \"options\": only -c name=value is accepted");
    } else if (name == "replication") {
      if (value != "false" && value != "off" && value != "0" && value != "no") {
        return Refuse(out, "0A000", "replication connections do not go through the router",
                      "Connect to the shard.");
      }
    } else if (name.starts_with("_pq_.")) {
      unknown.push_back(name);
    } else {
      settings_[name] = value;
    }
  }
  if (user_.empty())
    return Refuse(out, "28000", "no PostgreSQL user name specified in startup packet");
  if (database_.empty()) database_ = user_;
  if (packet.minor > 0 || !unknown.empty()) {
    pg::WireWriter negotiate(out, 'v');
    negotiate.Int32(0).Int32(static_cast<std::int32_t>(unknown.size()));
    for (const std::string& name : unknown) negotiate.String(name);
    negotiate.End();
  }
  const ScramVerifier* verifier = options_.users->Find(user_);
  const bool binds = encrypted_ && !options_.binding_hash.empty();
  scram_.emplace(verifier != nullptr ? *verifier : MockScramVerifier(user_, options_.mock_secret),
                 verifier != nullptr, options_.nonce,
                 binds ? options_.binding_hash : std::string());
  std::string mechanisms;
  if (binds) mechanisms.append("SCRAM-SHA-256-PLUS").push_back('\0');
  mechanisms.append("SCRAM-SHA-256").push_back('\0');
  mechanisms.push_back('\0');
  AppendAuthentication(out, kSaslRequest, mechanisms);
  state_ = State::kSasl;
  return Next::kMore;
}

bool Greeter::TakeOptions(std::string_view options) {
  while (true) {
    std::string word = NextWord(&options);
    if (word.empty()) return true;
    if (word == "-c") {
      word = NextWord(&options);
    } else if (word.starts_with("--")) {
      word.erase(0, 2);
    } else if (word.starts_with("-c")) {
      word.erase(0, 2);
    } else {
      return false;
    }
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) return false;
    settings_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

Greeter::Next Greeter::Sasl(std::string_view* bytes, std::string* out) {
  while (!bytes->empty()) {
    pg::WireFrame frame;
    const pg::WireFrameState seen = pg::NextFrame(*bytes, kAuthMessageBytesMax, &frame);
    if (seen == pg::WireFrameState::kIncomplete) return Next::kMore;
    if (seen == pg::WireFrameState::kInvalid || frame.type != 'p') {
      return Refuse(out, "08P01", "expected SASL response");
    }
    bytes->remove_prefix(frame.whole.size());
    const Next next =
        state_ == State::kSasl ? SaslInitial(frame.body, out) : SaslFinal(frame.body, out);
    if (next != Next::kMore) return next;
  }
  return Next::kMore;
}

Greeter::Next Greeter::SaslInitial(std::string_view body, std::string* out) {
  pg::WireReader reader(body);
  const std::string_view mechanism = reader.String();
  const std::int32_t length = reader.Int32();
  const std::string_view first = reader.Bytes(length < 0 ? 0 : static_cast<std::size_t>(length));
  if (!reader.ok() || !reader.AtEnd()) return Refuse(out, "08P01", "malformed SASL response");
  const Result<std::string> answer = scram_->First(mechanism, first);
  if (!answer) return Refuse(out, answer.error().code, answer.error().message);
  AppendAuthentication(out, kSaslContinue, *answer);
  state_ = State::kSaslFinal;
  return Next::kMore;
}

Greeter::Next Greeter::SaslFinal(std::string_view body, std::string* out) {
  const Result<std::string> answer = scram_->Final(body);
  if (!answer) {
    const std::string message =
        answer.error().code == "28P01"
            ? fmt::format("password authentication failed for user \"{}\"", user_)
            : answer.error().message;
    return Refuse(out, answer.error().code, message);
  }
  AppendAuthentication(out, kSaslFinal, *answer);
  if (options_.knows_database && !options_.knows_database(database_)) {
    return Refuse(out, "3D000", fmt::format("database \"{}\" does not exist", database_));
  }
  state_ = State::kEnd;
  return Next::kDone;
}

}  // namespace foreshard::router
