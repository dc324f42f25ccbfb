#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

// A small HTTP/1.1 server in this process, with or without TLS, whose every answer is a test's.
//
// Does not imitate: more than one connection at a time, chunked requests, compression, HTTP/2.
// Threads: one of its own; `answer` runs there.

namespace foreshard::fakes {

struct TlsWebServerOptions {
  // PEM; an empty certificate: plain HTTP. With an authority, clients need a certificate of it.
  std::string certificate_pem = {};
  std::string key_pem = {};
  std::string client_authority_pem = {};
  std::string host = "127.0.0.1";
  int port = 0;                 // 0: chosen by the kernel
  std::size_t piece_bytes = 0;  // an answer leaves in pieces of so many bytes; 0: whole
  // The whole request -> the whole answer. "": closes without one. Nothing: stays silent.
  std::function<std::optional<std::string>(const std::string& request)> answer;
};

class TlsWebServer {
 public:
  // Errors: kRetry if the address is taken.
  static Result<std::unique_ptr<TlsWebServer>> Start(TlsWebServerOptions options);
  ~TlsWebServer();
  TlsWebServer(const TlsWebServer&) = delete;
  TlsWebServer& operator=(const TlsWebServer&) = delete;

  // The usual answer: status, body and its length.
  static std::string Reply(int status, const std::string& body,
                           const std::string& more_headers = "");

  int port() const { return port_; }
  int connections() const { return connections_; }  // that were accepted, TLS or not
  std::vector<std::string> requests() const;
  // Closes the one that is open, as a server does with an idle one. Returns when it is closed.
  void CloseConnection();

 private:
  class Connection;

  explicit TlsWebServer(TlsWebServerOptions options) : options_(std::move(options)) {}
  Status Listen();
  void Serve(const std::stop_token& stop);
  void Talk(Connection& connection, const std::stop_token& stop);
  std::optional<std::string> Answer(const std::string& request);

  TlsWebServerOptions options_;
  int listener_ = -1;
  int port_ = 0;
  void* context_ = nullptr;  // SSL_CTX
  std::atomic<int> connections_ = 0;
  std::atomic<bool> close_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::jthread thread_;
};

}  // namespace foreshard::fakes
