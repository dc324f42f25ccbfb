#pragma once

#include <string>
#include <vector>

#include "backup/point.h"
#include "base/deadline.h"
#include "base/result.h"

// What a barrier touches, one seam each. Bodies on real things: `PgPointShard`, `FilePointBook`
// here; routers and the set's state are the operator's. Fakes: tests/unit/backup.

namespace foreshard::backup {

// One shard's primary, in one session.
//
// Threads: one at a time; different shards side by side.
// Errors:  kRetry, kReobserve: the call had no effect, or nobody knows. A lost session has lost its
//          lock too.
class PointShard {
 public:
  virtual ~PointShard() = default;

  virtual const model::ShardId& id() const = 0;

  // Before clients wait: logging in takes longer than all that follows.
  virtual Status Connect(Deadline deadline) = 0;
  // Waits for the decisions that are being written, and lets no new one in until Unlock(). Never
  // connects: what was connected before stands, or this fails.
  virtual Status Lock(Deadline deadline) = 0;
  // By the session that holds the lock, so that it held at that moment. kReobserve without lock.
  virtual Result<ShardPoint> MakePoint(const std::string& name, Deadline deadline) = 0;
  // Ends the lock, with the session if there is no other way. Good: it held until now.
  virtual Status Unlock(Deadline deadline) = 0;

  // The rest may connect again.
  virtual Status SwitchWal(Deadline deadline) = 0;
  // Is the point's segment archived? kFenced: another server is primary now, nobody can say.
  virtual Result<bool> Archived(const ShardPoint& point, Deadline deadline) = 0;
};

// All routers of the set.
class PointRouters {
 public:
  virtual ~PointRouters() = default;

  // Holds the whole key space, pins and what has no key. True: nothing is in flight in any router.
  // False: something still is. Errors: a router did not answer.
  virtual Result<bool> Hold(PointNumber number, Deadline deadline) = 0;
  // Lets all go. A router that does not hear it does so by itself after kHoldDeadline.
  virtual Status Release(PointNumber number, Deadline deadline) = 0;
};

class SetSource {
 public:
  virtual ~SetSource() = default;
  virtual Result<SetState> Read(Deadline deadline) = 0;
};

// The points of a set, kept where the backups are: they must outlive the cluster.
class PointBook {
 public:
  virtual ~PointBook() = default;

  // A number that no other call got or will get, written before it is answered. After a lost reply
  // a number is left out.
  virtual Result<PointNumber> Begin(const std::string& set_uid, Deadline deadline) = 0;
  // The same point again changes nothing. kFenced: another point has the number.
  virtual Status Keep(const Point& point, Deadline deadline) = 0;
  // Kept points, oldest first.
  virtual Result<std::vector<Point>> List(const std::string& set_uid, Deadline deadline) = 0;
};

}  // namespace foreshard::backup
