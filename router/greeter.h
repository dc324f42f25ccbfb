#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "pg/wire_startup.h"
#include "router/scram.h"
#include "router/users.h"

// What happens between the first byte of a client and its session: encryption, startup packet,
// SCRAM. Pure: bytes in, bytes out, and what to do next.
//
//   SSLRequest / GSSENCRequest / direct TLS --> StartupMessage 3.x --> SASL --> kDone
//                                          \--> CancelRequest --> kCancel

namespace foreshard::router {

class Greeter {
 public:
  enum class Next {
    kMore,      // wait for bytes
    kStartTls,  // send out(), then TLS; the rest of the bytes is encrypted
    kCancel,    // cancel_target(), then close
    kDone,      // the client is who it says
    kRefuse,    // send out(), then close
  };
  struct Options {
    bool tls_available = false;
    bool tls_required = false;
    std::shared_ptr<const Users> users;
    ScramKey mock_secret{};
    std::string nonce;         // fresh
    std::string binding_hash;  // of our certificate, for channel binding; empty: none
    std::function<bool(std::string_view database)> knows_database;
  };
  explicit Greeter(Options options);

  // Takes what it understands off the front of `*bytes`. Answers are appended to `*out`.
  Next Receive(std::string_view* bytes, std::string* out);
  // The handshake after kStartTls is done. False: close. A client that began with it must have said
  // by ALPN that it speaks PostgreSQL; else it may be one of another protocol that was led astray.
  [[nodiscard]] bool TlsStarted(bool alpn) {
    encrypted_ = true;
    return alpn || !direct_;
  }

  struct CancelTarget {
    std::uint32_t process_id = 0;
    std::uint32_t secret_key = 0;
  };
  const CancelTarget& cancel_target() const { return cancel_; }
  const std::string& user() const { return user_; }
  const std::string& database() const { return database_; }
  const ScramIdentity& identity() const { return scram_->identity(); }
  // Of the startup packet, without user and database; "options" is already taken apart.
  const std::map<std::string, std::string>& settings() const { return settings_; }
  // 28P01, 28000, 08P01, 3D000 and so on; empty if nothing was refused.
  const std::string& refusal_code() const { return refusal_code_; }

 private:
  enum class State { kFirst, kSasl, kSaslFinal, kEnd };
  Next Refuse(std::string* out, std::string_view code, std::string_view message,
              std::string_view hint = {});
  Next First(std::string_view* bytes, std::string* out);
  Next Startup(pg::StartupPacket packet, std::string* out);
  Next Sasl(std::string_view* bytes, std::string* out);
  Next SaslInitial(std::string_view body, std::string* out);
  Next SaslFinal(std::string_view body, std::string* out);
  bool TakeOptions(std::string_view options);

  Options options_;
  State state_ = State::kFirst;
  bool encrypted_ = false;
  bool direct_ = false;  // TLS came first, without SSLRequest
  bool asked_gss_ = false;
  CancelTarget cancel_;
  std::string user_;
  std::string database_;
  std::map<std::string, std::string> settings_;
  std::optional<ScramServer> scram_;
  std::string refusal_code_;
};

}  // namespace foreshard::router
