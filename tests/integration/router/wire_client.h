#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// A client of the protocol that says exactly what a test wants and hears every message. Blocking,
// with a deadline a message.

namespace foreshard::router {

struct WireMessage {
  char type = 0;
  std::string body;
  bool operator==(const WireMessage&) const = default;
};

class WireClient {
 public:
  struct Options {
    int port = 0;
    std::string user = "app";
    std::string database = "app";
    std::string password;
    std::string salt;  // of the user's verifier, which the test made
    int iterations = 4096;
    std::string hurry{};  // said right behind the password, before anybody has welcomed us
  };
  static Result<std::unique_ptr<WireClient>> Connect(const Options& options);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  // `piece` > 0: in pieces of that many bytes, each a packet of its own.
  Status Send(std::string_view bytes, std::size_t piece = 0);
  Result<WireMessage> Receive(std::chrono::milliseconds limit = std::chrono::seconds(20));
  // Up to and with ReadyForQuery.
  Result<std::vector<WireMessage>> ReceiveUntilReady(
      std::chrono::milliseconds limit = std::chrono::seconds(20));
  Result<std::vector<WireMessage>> Ask(std::string_view sql);
  // Half-closes: the other side reads the end.
  void EndSaying();
  // Closes at once, as a machine that died and came back would say.
  void Reset();

  std::uint32_t process_id() const { return process_id_; }
  std::uint32_t secret_key() const { return secret_key_; }

 private:
  WireClient() = default;
  Status LogIn(const Options& options);

  int fd_ = -1;
  std::string buffer_;
  std::uint32_t process_id_ = 0;
  std::uint32_t secret_key_ = 0;
};

// Opens a connection, sends a CancelRequest, waits until the other side closes.
Status SendCancel(int port, std::uint32_t process_id, std::uint32_t secret_key);

// One line a message, for people and for comparing; what differs between servers (places in source
// files) is left out.
std::string Trace(const std::vector<WireMessage>& messages);
// SQLSTATE of the first error; empty if there is none.
std::string FirstError(const std::vector<WireMessage>& messages);
// First column of the first row; empty if there is none.
std::string FirstValue(const std::vector<WireMessage>& messages);

}  // namespace foreshard::router
