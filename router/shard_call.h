#pragma once

#include <functional>
#include <optional>
#include <string>

#include "router/config.h"
#include "router/loop.h"
#include "router/server_login.h"

// One statement on one shard, with a connection of its own: for the few things that no client waits
// for.
//
// Owner: the worker. Threads: its event loop's. `done` is called exactly once for each Start() and
// Again(), never inside them.

namespace foreshard::router {

class ShardCall final : public StreamEvents {
 public:
  struct Options {
    ConnectOptions address;
    ServerLogin::Options login;
    TlsMode tls_mode = TlsMode::kPrefer;
    std::shared_ptr<const TlsContext> tls;
    std::string sql;
    bool stays = false;  // after an answer the same may be asked Again()
  };
  // The first column of the first row, empty if there is none. Errors: kRetry; `code` is
  // PostgreSQL's where it answered.
  using Done = std::function<void(Result<std::string>)>;

  ShardCall(Loop& loop, Options options, Done done);
  ~ShardCall() override;

  void Start();
  // REQUIRES: idle().
  void Again(Done done);
  bool idle() const { return state_ == State::kIdle; }
  bool over() const { return state_ == State::kOver; }
  void Fail(std::string_view reason,
            std::string_view code = {});  // also for a call that takes too long

  void OnConnected(Stream& stream) override;
  void OnBytes(std::string_view bytes) override;
  void OnGone(std::string_view reason) override;

 private:
  enum class State { kConnecting, kAskedTls, kLogin, kAsked, kIdle, kOver };
  void LogIn();
  void Hear();
  void End(Result<std::string> answer);

  Loop& loop_;
  Options options_;
  Done done_;
  State state_ = State::kConnecting;
  Stream* stream_ = nullptr;
  std::optional<ServerLogin> login_;
  std::string buffer_;
  std::string value_;
  std::optional<Error> failure_;
};

}  // namespace foreshard::router
