#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/simulate/world.h"
#include "model/ids.h"
#include "model/plan.h"
#include "planner/problem.h"

// The fleet of one strategy: who owns what, which moves run, how loaded each shard was. Load moves
// at the cutover, not before; a copy costs its source 10 % and its destination 5 % of a shard.

namespace foreshard::simulate {

inline constexpr double kSourceDip = 0.10;
inline constexpr double kDestinationDip = 0.05;

struct Piece {
  std::size_t unit = 0;
  model::Position from = 0;
  model::Position to = 0;  // half-open; 0: the end of the space
  std::size_t shard = 0;
  std::optional<std::size_t> moved{};  // bin of its last cutover
  bool operator==(const Piece&) const = default;
};

struct FleetShard {
  model::ShardId id{};
  bool alive = true;
  bool ready = true;  // false: it is being made for a move that has not cut over
  bool sending = false;
  bool receiving = false;
  std::optional<std::size_t> last_action{};  // bin
};

// What a strategy may ask for. Merge takes all pieces of the source.
struct Order {
  model::ActionType type = model::ActionType::kMove;
  std::size_t source = 0;
  std::optional<std::size_t> destination{};  // none: a new shard
  model::Position from = 0;                  // what leaves, unless it is a merge
  model::Position to = 0;
  double predicted_p50_seconds = 0;  // 0: nobody predicted
  double predicted_p80_seconds = 0;
};

struct Transfer {
  Order order{};
  std::size_t destination = 0;
  std::size_t started = 0;  // bin in which it began
  std::size_t ends = 0;     // first bin with the new owner
  double seconds = 0;
  double bytes = 0;
  bool fails = false;
};

struct Finished {
  Transfer transfer;
  bool succeeded = true;
};

class Fleet {
 public:
  // `shards` at the start, units laid out in order so that bytes are balanced.
  Fleet(const World& world, const Options& options, std::size_t shards, std::uint64_t seed);

  // Begins in the bin after the newest one. False, and nothing happens, if the fleet cannot do it:
  // too many moves, a side that is busy already, nothing to move, too many shards.
  bool Start(const Order& order);

  // Goes to the given bin: moves whose time has come are cut over, load is counted.
  void Enter(std::size_t bin);

  std::size_t now() const { return now_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  const std::vector<FleetShard>& shards() const { return shards_; }
  const std::vector<Transfer>& transfers() const { return transfers_; }
  // Utilisation of each shard in the newest bin, copies included; 0 for one that is gone.
  const std::vector<double>& load() const { return load_; }
  // The same without copies.
  const std::vector<double>& clients() const { return clients_; }
  const std::vector<std::vector<double>>& loads() const { return loads_; }  // [bin - first][shard]
  std::size_t alive() const;
  // Moves that were cut over or failed when this bin was entered.
  const std::vector<Finished>& finished() const { return finished_; }
  double BytesOf(const Piece& piece) const;
  double MovedBytesSince(std::size_t bin) const;
  const std::vector<std::pair<std::size_t, double>>& started_bytes() const { return moved_; }
  int StartedOf(model::ActionType type) const { return started_[static_cast<std::size_t>(type)]; }

 private:
  void CutOver(const Transfer& transfer);
  void SplitAt(model::Position at);
  void Join();
  void RemoveEmpty();
  void Count();
  bool Leaves(const Transfer& transfer, const Piece& piece) const;

  const World& world_;
  const Options& options_;
  Random random_;
  std::size_t now_ = 0;
  std::vector<Piece> pieces_;  // ordered by position
  std::vector<FleetShard> shards_;
  std::vector<Transfer> transfers_;
  std::vector<Finished> finished_;
  std::vector<double> load_;
  std::vector<double> clients_;
  std::vector<std::vector<double>> loads_;
  std::vector<std::pair<std::size_t, double>> moved_;  // bin, bytes
  std::array<int, 7> started_{};
};

}  // namespace foreshard::simulate
