#pragma once

#include <memory>

#include "migration/mover_work.h"
#include "migration/snapshot_keeper.h"

// The mover's phases, each one function that may be begun again at any point. Every function
// returns Ok() when its phase is finished; kRetry and kReobserve: try again; kFenced: the phase is
// over; kGiveUp: a failure with a reason.

namespace foreshard::migration {

// What lives from one phase to the next inside one process, and is made anew after a restart.
struct Keepers {
  std::unique_ptr<SnapshotKeeper> first;
  std::unique_ptr<SnapshotKeeper> second;
};

// Guards on both shards, the tables of a new destination, its closed gate, publications, slot and
// snapshot.
Status Prepare(const Work& work, const Turn& turn, Keepers& keepers);

// The snapshot's rows, each chunk exactly once.
Status Copy(const Work& work, const Turn& turn, Keepers& keepers);

// Subscription, the rest of a new destination's schema, statistics, warm pages; then until the lag
// is small.
Status CatchUp(const Work& work, const Turn& turn);

// Reads the indexes and tables of the moving keys into the destination's buffers, half of them at
// most, before clients come. Needs the extension pg_prewarm on the server (contrib); without it
// nothing happens. A part of CatchUp. Errors: kFenced, kReobserve.
Status WarmPages(const Work& work, const Turn& turn);

// Digests of `publisher` against its peer. Errors: kGiveUp (DigestMismatch).
Status Verify(const Work& work, const Turn& turn, Side publisher);

// Are the rows of the keys that this mover was told? A Job that was made before a pin came or went would move others.
// Errors: kRetry (OtherKeys).
Status SameKeys(const Work& work);

// After an abort: everything of the migration goes, and K from the destination if the copy had begun; only then the rows
// must be of the mover's keys.
Status UndoAll(const Work& work, const Turn& turn);
// After the soak: streams, then K from the shard that lost it, then triggers.
Status CleanUp(const Work& work, const Turn& turn);

// A new slot with a snapshot of its own; what an earlier copy brought is deleted first. For Prepare
// and Copy.
Status StartSnapshot(const Work& work, const Turn& turn, Keepers& keepers);

// Deletes the moving rows of one table on `side` in batches, each with `guard` as its last
// statement. For tables whose gate is closed or whose rows nobody was ever told about.
Status DeleteMovingRows(pg::Connection& connection, const Work& work, const Turn& turn, Side side,
                        const TableInfo& table);

}  // namespace foreshard::migration
