#pragma once

#include <optional>

#include "backup/barrier_world.h"
#include "kube/kube_api.h"

namespace foreshard::op {

// Points of a set in the ConfigMap `<set>-points`: what number was used last, and each point that
// can be restored to. It has no owner, so that it outlives the ShardSet. Threads: any; a number is
// taken by compare-and-swap.
class KubePointBook final : public backup::PointBook {
 public:
  struct Options {
    kube::KubeApi& kube;
    kube::ObjectRef set;
    // No base backup is older: points before it go when one is kept. Nothing: none goes for that.
    std::optional<WallTime> oldest;
  };
  explicit KubePointBook(Options options) : options_(std::move(options)) {}

  Result<backup::PointNumber> Begin(const std::string& set_uid, Deadline deadline) override;
  Status Keep(const backup::Point& point, Deadline deadline) override;
  Result<std::vector<backup::Point>> List(const std::string& set_uid, Deadline deadline) override;
  // Of every set that had this name, oldest first; nothing: there is no book. Errors: kGiveUp for
  // a point that cannot be read.
  Result<std::optional<std::vector<backup::Point>>> ListAll(Deadline deadline);

 private:
  Options options_;
};

std::string PointBookName(const std::string& set);

// A ConfigMap holds a mebibyte. What is too much goes, the oldest points first.
inline constexpr std::size_t kPointBookBytesMax = 700 << 10;

}  // namespace foreshard::op
