#pragma once

#include <memory>
#include <optional>
#include <string>

#include "router/config.h"
#include "router/loop.h"
#include "router/pool.h"
#include "router/server_link.h"
#include "router/server_login.h"

// One connection to a shard: TLS if wanted, login, then bytes between the server and the session
// that has it.
//
// Owner: the worker. Threads: its event loop's.

namespace foreshard::router {

class Client;
class Worker;

class Upstream final : public ServerLink, public StreamEvents {
 public:
  struct Options {
    GroupId group = 0;
    ConnectOptions address;
    ServerLogin::Options login;
    TlsMode tls_mode = TlsMode::kPrefer;
    std::shared_ptr<const TlsContext> tls;
  };
  Upstream(Worker& worker, Options options);
  ~Upstream() override;

  void Connect();
  std::string& out() override;

  void Lend(Client& client) { client_ = &client; }
  // The session is done with it. Takes effect when the bytes at hand are dealt with.
  void GiveBack(bool reusable);
  void Close();

  GroupId group() const { return options_.group; }
  Client* client() const { return client_; }
  // The shard moved: no further session gets it.
  void Retire() { retired_ = true; }
  bool retired() const { return retired_; }
  bool ready() const { return state_ == State::kReady; }
  const ConnectOptions& address() const { return options_.address; }
  std::uint32_t process_id() const { return login_ ? login_->process_id() : 0; }
  std::uint32_t secret_key() const { return login_ ? login_->secret_key() : 0; }
  const ServerLogin& login() const { return *login_; }
  std::size_t backlog_bytes() const { return stream_ == nullptr ? 0 : stream_->backlog_bytes(); }
  void PauseReading();
  void ResumeReading();

  // A cancel request for it is under way: until it is over, nobody else may get the connection.
  void CancelBegins() { ++cancels_; }
  void CancelEnds();

  void OnConnected(Stream& stream) override;
  void OnBytes(std::string_view bytes) override;
  void OnDrained() override;
  void OnGone(std::string_view reason) override;
  // A login that takes too long.
  bool LoginOverdue(MonotonicTime now) const {
    return state_ != State::kReady && now >= login_deadline_;
  }
  void FailLogin(std::string_view code, std::string_view reason);

 private:
  enum class State { kConnecting, kAskedTls, kLogin, kReady, kClosed };
  void StartLogin();
  void LoginBytes(std::string_view bytes);
  void SessionBytes(std::string_view bytes);
  bool Register();
  void RegistrationBytes(std::string_view bytes);
  void DeliverRest(Client& client);
  void Settle();

  Worker& worker_;
  Options options_;
  Stream* stream_ = nullptr;
  State state_ = State::kConnecting;
  std::optional<ServerLogin> login_;
  std::string buffer_;   // of a message that is not whole yet
  std::string nowhere_;  // what is said to a connection that is gone
  Client* client_ = nullptr;
  bool delivering_ = false;
  bool give_back_ = false;
  bool reusable_ = true;
  bool retired_ = false;
  bool registering_ = false;           // the answer to Register() is still to come
  std::int64_t registered_epoch_ = 0;  // of the table by which this connection was used last
  int cancels_ = 0;
  MonotonicTime login_deadline_;
};

}  // namespace foreshard::router
