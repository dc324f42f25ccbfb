#pragma once

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

// Other programs that the plugin starts: kubectl for logs and port-forward, psql.

namespace foreshard::plugin {

using Environment = std::vector<std::pair<std::string, std::string>>;  // added to ours

// Runs it on our terminal to its end. Its exit status, 128 + n if signal n ended it. Errors:
// kGiveUp "NoProgram".
Result<int> RunHere(const std::vector<std::string>& command, const Environment& environment = {});

// The same, but what it says is returned; at most `bytes_max` of it. Errors: kGiveUp "NoProgram",
// "Failed" with its own words. `input`: a file that it reads from where that stands, or ours.
Result<std::string> RunForOutput(const std::vector<std::string>& command, std::size_t bytes_max,
                                 int input = STDIN_FILENO);

// `kubectl port-forward` to a port that the kernel chose on 127.0.0.1. Ends with the object.
class PortForward {
 public:
  // `kubectl`: the command with its flags of cluster and namespace. `target`:
  // "service/orders-router". Errors: kGiveUp with kubectl's words when it ends or says nothing
  // within `patience`.
  static Result<std::unique_ptr<PortForward>> Open(std::vector<std::string> kubectl,
                                                   const std::string& target, int port,
                                                   std::chrono::milliseconds patience);
  ~PortForward();
  PortForward(const PortForward&) = delete;
  PortForward& operator=(const PortForward&) = delete;

  int port() const { return port_; }

 private:
  PortForward(int pid, int output, int port) : pid_(pid), output_(output), port_(port) {}

  int pid_;
  int output_;
  int port_;
};

}  // namespace foreshard::plugin
