#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kube/kube_api.h"
#include "operator/builders/names.h"
#include "operator/records/move_record.h"

// The last migrations of a set, kept across restarts of the operator and the deletion of their
// objects: one ConfigMap SET-moves, owned by the ShardSet, the oldest record first.
//
// Nothing here ends a migration or holds it up for long: what stands in the way for good (a foreign
// object of that name, a right that is missing) is told in the log, what may pass is an error and
// tried again.

namespace foreshard::op {

inline constexpr const char* kMovesLabel = "foreshard.dev/moves-of";  // the set's name
inline constexpr std::size_t kMovesMost = 500;
std::string MovesNameOf(const std::string& set);

// Adds the record, or replaces the one of the same uid; doing it again changes nothing. A
// compare-and-swap: of two operators that write at once, one is told to look again.
// Errors: kRetry, kReobserve.
Status KeepMoveRecord(kube::KubeApi& kube, const SetName& set, const MoveRecord& record,
                      Deadline deadline);

// Of one set, again and again: an object of the version that was read last is not parsed once more,
// for up to 900 kB of records change a few times a day.
class MoveRecordReader {
 public:
  // Brings `records`, which are those of the call before, to what is kept: oldest first, empty
  // where nothing is. What cannot be read is told in the log and leaves them as they are.
  void Read(kube::KubeApi& kube, const SetName& set, std::vector<MoveRecord>& records,
            Deadline deadline);

 private:
  std::string version_;  // of the object that was parsed; empty: none
};

}  // namespace foreshard::op
