#pragma once

#include <cstdint>
#include <deque>
#include <optional>

// What one client knows of the entries of one key. It deletes old ones: a table that only grows
// would make each comparison of the shards slower, and a siege of an hour would never end.

namespace foreshard::bench {

class EntryLedger {
 public:
  // The entry `number` was acknowledged; numbers only grow.
  void Inserted(std::int64_t number) { standing_.push_back(number); }

  // The greatest number that is to be deleted now, with all smaller ones; nothing: not yet.
  std::optional<std::int64_t> Due() const;

  // How a deletion of all that is Due() ended. Done: `rows` were deleted; acknowledged ones that
  // were not among them are lost, unless an attempt before may have deleted them.
  void Deleted(std::int64_t rows);
  void DeletionInDoubt() { in_doubt_ = true; }

  std::int64_t lost() const { return lost_; }
  // The numbers that have to be there.
  std::deque<std::int64_t> Standing() const;
  // No number up to this one may be there.
  std::int64_t deleted_to() const { return deleted_to_; }

 private:
  std::deque<std::int64_t> standing_;  // acknowledged; their deletion was not
  bool in_doubt_ = false;              // those that are due may be gone
  std::int64_t deleted_to_ = 0;
  std::int64_t lost_ = 0;
};

}  // namespace foreshard::bench
