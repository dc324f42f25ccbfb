#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace foreshard::kube {

// An HTTP server on loopback that answers as a test says. One thread for each connection.
class ScriptedServer {
 public:
  // Gets a request and the socket; false: close the connection.
  using Answer = std::function<bool(int socket, const std::string& request)>;

  explicit ScriptedServer(Answer answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
    CHECK(listen(listener_, 16) == 0, "listen");
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { Accept(); });
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    Break();
    connections_.clear();
    for (const int each : sockets_) close(each);
  }

  // Cuts every connection.
  void Break() {
    const std::scoped_lock lock(mutex_);
    for (const int each : sockets_) shutdown(each, SHUT_RDWR);
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void Accept() {
    for (int taken = accept(listener_, nullptr, nullptr); taken >= 0;
         taken = accept(listener_, nullptr, nullptr)) {
      const std::scoped_lock lock(mutex_);
      sockets_.push_back(taken);
      connections_.emplace_back([this, taken] { Serve(taken); });
    }
  }

  void Serve(int socket) {
    std::string buffer;
    while (true) {
      const std::size_t size = RequestSize(buffer);
      if (size == 0) {
        char bytes[4096];
        const ssize_t count = recv(socket, bytes, sizeof bytes, 0);
        if (count <= 0) return;
        buffer.append(bytes, static_cast<std::size_t>(count));
        continue;
      }
      const std::string request = buffer.substr(0, size);
      buffer.erase(0, size);
      {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(request);
      }
      if (!answer_(socket, request)) {
        shutdown(socket, SHUT_RDWR);
        return;
      }
    }
  }

  // Of the first complete request in `buffer`; 0 if there is none.
  static std::size_t RequestSize(const std::string& buffer) {
    const std::size_t head = buffer.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    const std::size_t at = buffer.find("Content-Length:");
    const std::size_t body = at < head ? std::stoul(buffer.substr(at + 15)) : 0;
    return buffer.size() >= head + 4 + body ? head + 4 + body : 0;
  }

  Answer answer_;
  int listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> sockets_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

inline void Write(int socket, const std::string& text) {
  CHECK(send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()),
        "send");
}

inline bool Reply(int socket, int status, const std::string& body) {
  Write(
      socket,
      fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                  status, body.size(), body));
  return true;
}

inline constexpr char kStreamHead[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
inline std::string Chunk(const std::string& text) {
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

}  // namespace foreshard::kube
