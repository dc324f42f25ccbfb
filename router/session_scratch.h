#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "router/hold.h"
#include "router/normalize.h"
#include "router/route.h"

namespace foreshard::router {

// What routing one message needs. A message that has to wait is read again, so nothing here
// outlives Session::Advance().
struct SessionScratch {
  Normalized normalized;
  RouteDecision decision;
  Footprint footprint;
  std::vector<ParameterValue> parameters;
};

// The scratches of one thread: a thousand sessions that take turns with the same few cache lines
// instead of touching their own. As deep as calls of Advance() lie inside each other.
class SessionScratches {
 public:
  class Use {
   public:
    explicit Use(SessionScratches& all) : all_(all) {
      if (all_.depth_ == all_.scratches_.size()) {
        all_.scratches_.push_back(std::make_unique<SessionScratch>());
      }
      scratch_ = all_.scratches_[all_.depth_++].get();
      scratch_->decision.Clear();
    }
    ~Use() { --all_.depth_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    SessionScratch* get() const { return scratch_; }

   private:
    SessionScratches& all_;
    SessionScratch* scratch_;
  };

 private:
  std::vector<std::unique_ptr<SessionScratch>> scratches_;
  std::size_t depth_ = 0;
};

}  // namespace foreshard::router
