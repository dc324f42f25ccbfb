#pragma once

#include <string>
#include <string_view>
#include <utility>

// A plain socket to the router, for bytes that no client of the protocol would say.

namespace foreshard::router {

class RawPeer {
 public:
  explicit RawPeer(int port);
  ~RawPeer();
  RawPeer(RawPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawPeer& operator=(RawPeer&& other) noexcept;

  // What the other side does not take any more is lost.
  void Say(std::string_view bytes);
  // Half-closes: the other side reads the end.
  void EndSaying();
  // All that comes until the other side closes; "nothing" if it does not within 20 seconds.
  std::string Rest();
  bool IsClosed() { return Rest() != "nothing"; }
  // Without waiting.
  bool ClosedByNow();

 private:
  int fd_ = -1;
};

}  // namespace foreshard::router
