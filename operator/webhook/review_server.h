#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "operator/certificates.h"
#include "operator/webhook/review.h"

namespace foreshard::op {

// POST /validate over TLS, one request a connection, for API servers. Anybody who reaches the port
// may ask, so whoever is slow, rude or one too many is cut off: no more than `connections` at a
// time (the oldest goes), none longer than `time_limit`, and no more than `body_bytes` of all
// bodies together.
//
// Owner: main(). Threads: Run() from one, where `review` and `count` run too; Use() from any.
class ReviewServer {
 public:
  struct Options {
    const Clock& clock;
    std::function<ReviewAnswer(std::string_view body)> review = Review;
    // allowed, refused, unreadable or cut_off, once for each connection.
    std::function<void(std::string_view answer)> count = [](std::string_view) {};
    std::size_t connections = 64;
    std::size_t body_bytes = 16 << 20;
    std::chrono::milliseconds time_limit{5'000};
  };

  // Binds and listens at once; port 0: the kernel chooses. Errors: kGiveUp with the address.
  static Result<std::unique_ptr<ReviewServer>> Listen(const std::string& address, Options options);
  ~ReviewServer();
  ReviewServer(const ReviewServer&) = delete;
  ReviewServer& operator=(const ReviewServer&) = delete;

  // What it shows from the next connection on; before the first one everybody is cut off. Errors:
  // kGiveUp, and the one before stays. The message never has the key.
  Status Use(const KeyPair& pair);

  int port() const { return port_; }
  void Run(std::stop_token stop);

 private:
  class Connection;

  ReviewServer(int listener, int port, Options options);
  std::shared_ptr<void> context() const;
  void Accept();
  void Serve(Connection& connection);
  void Read(Connection& connection);
  void Answer(Connection& connection);
  void Refuse(Connection& connection, const Error& error);
  void End(std::list<Connection>::iterator connection);

  const int listener_;
  const int port_;
  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<void> context_;  // SSL_CTX

  // Only Run's thread.
  std::list<Connection> connections_;  // oldest first
  std::size_t reserved_bytes_ = 0;
};

}  // namespace foreshard::op
