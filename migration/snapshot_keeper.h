#pragma once

#include <memory>
#include <string>
#include <vector>

#include "migration/mover_work.h"

// Snapshot keepers: sessions on the source whose only work is to stay. An exported snapshot dies
// with its session, and with it the copy; so there are two, and each can export the snapshot again
// after the other died.

namespace foreshard::migration {

class SnapshotKeeper {
 public:
  // Makes the logical slot `slot` and keeps the snapshot of that very moment. REQUIRES: the
  // publication is there and the slot is not. Errors: kRetry when open transactions did not end in
  // time; no slot is left then.
  static Result<std::unique_ptr<SnapshotKeeper>> MakeSlot(const Work& work,
                                                          const std::string& slot);
  // Takes part in a snapshot that somebody else keeps. No value: it is gone.
  static Result<std::unique_ptr<SnapshotKeeper>> Import(const Work& work,
                                                        const std::string& snapshot);

  // What SET TRANSACTION SNAPSHOT takes, as long as alive().
  const std::string& snapshot() const { return snapshot_; }
  bool alive(const Work& work);

 private:
  SnapshotKeeper(std::unique_ptr<pg::Connection> connection, std::string snapshot, bool replication)
      : connection_(std::move(connection)),
        snapshot_(std::move(snapshot)),
        replication_(replication) {}

  std::unique_ptr<pg::Connection> connection_;
  std::string snapshot_;
  bool replication_;  // any command on that session would end the snapshot
};

}  // namespace foreshard::migration
