#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"

// Between the router and PostgreSQL. It knows where each message of the protocol begins and stops
// the world before the one that a test names: what happens if the router, the server or the cable
// between them is gone at this very moment?

namespace foreshard::router {

// One loop on a thread of its own; the test's thread says what to hold and what to cut.
class MessageProxy {
 public:
  // Listens on a port of 127.0.0.1 for connections to `target_port` there. Errors: kGiveUp if there
  // is no socket.
  static Result<std::unique_ptr<MessageProxy>> Start(int target_port);
  ~MessageProxy();
  MessageProxy(const MessageProxy&) = delete;
  MessageProxy& operator=(const MessageProxy&) = delete;

  enum class Messages {
    kStatements,  // of connections that are logged in now, and not the router's own business
    kLogins,      // of connections to come, with what is said behind the login
  };

  int port() const { return port_; }
  // Nothing passes from the `step`th message on, both directions counted together from now on. 0:
  // everything passes.
  void HoldBefore(int step, Messages which = Messages::kStatements);
  // What is held, for people ("to the server: Q COMMIT"); empty while everything passes.
  std::string Held() const;
  // What is held goes on, and so does all else. Requests to cancel pass also while all is held.
  void Release();
  // The connection of the held message breaks, what was held is lost, the others go on.
  void CutHeld();
  // All connections break and nothing is held any more; new ones pass.
  void CutAll();

 private:
  struct Way {
    int from = -1;
    int to = -1;
    bool from_router = false;
    std::string bytes;  // read, and not passed on yet
  };
  struct Cable {
    std::array<Way, 2> ways;  // from the router, from the server
    bool started = false;     // the startup packet has passed
    bool asked_tls = false;   // one byte answers, which is no message
    bool ready = false;       // logged in
    bool known = false;       // was there at HoldBefore()
    bool counts = false;      // and was ready for statements
    bool own = false;         // the router asks for itself
    bool broken = false;
  };

  MessageProxy() = default;
  void Run();
  void Accept();
  void Read(Cable& cable, Way& way);
  void Pass(Cable& cable, Way& way);
  // Empty: it is not whole yet.
  static std::string_view NextMessage(const Cable& cable, bool from_router, std::string_view bytes);
  // True: it must not pass.
  bool Stops(Cable& cable, const Way& way, std::string_view message);
  static void Passed(Cable& cable, const Way& way, std::string_view message);
  void CloseBroken();
  void Wake() const;

  int target_port_ = 0;
  int port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<bool> cutting_ = false;
  mutable std::mutex mutex_;  // guards all below
  std::list<Cable> cables_;
  Messages which_ = Messages::kStatements;
  int step_ = 0;
  int seen_ = 0;
  std::string held_;
  Cable* held_cable_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace foreshard::router
