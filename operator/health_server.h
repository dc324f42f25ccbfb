#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace foreshard::op {

// GET /healthz, /readyz, /metrics and /targets/... over plain HTTP/1.1, one request a connection,
// for probes and scrapes; or pages for people, on a port of their own. Slow or rude clients are cut
// off after two seconds; eight may wait. What has no answer is not found.
//
// Owner: main(). Threads: Run() from one.
class HealthServer {
 public:
  struct Answers {
    std::function<bool()> ready = {};
    std::function<std::string()> metrics = {};  // text exposition format
    // JSON for a path below /targets, or nothing; may be empty.
    std::function<std::optional<std::string>(const std::string& path)> targets = {};
    // HTML without scripts for a path, or nothing; may be empty. Only for who asks for this machine
    // by name or address: a page of somebody else's cannot read it under a name of its own.
    std::function<std::optional<std::string>(const std::string& path)> pages = {};
  };

  // Binds and listens at once; port 0: the kernel chooses. Errors: kGiveUp with the address.
  static Result<std::unique_ptr<HealthServer>> Listen(const std::string& address, Answers answers);
  ~HealthServer();

  int port() const { return port_; }
  void Run(std::stop_token stop);

 private:
  HealthServer(int listener, int port, Answers answers)
      : listener_(listener), port_(port), answers_(std::move(answers)) {}

  void Serve(int client) const;
  std::string AnswerTo(const std::string& request) const;
  std::string Page(const std::string& request, const std::string& path) const;

  int listener_;
  int port_;
  Answers answers_;
};

}  // namespace foreshard::op
