#include "planner/clump.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/check.h"

namespace foreshard::planner {

namespace {

constexpr std::size_t kSeedsTried = 16;  // hottest keys of a round that begin a clump

class Graph {
 public:
  Graph(const CoAccess& access, const ClumpOptions& options)
      : access_(access),
        options_(options),
        shard_of_(access.keys.size()),
        edges_(access.keys.size()),
        load_(options.capacity.size()) {
    for (std::size_t v = 0; v < access.keys.size(); ++v) {
      CHECK(access.keys[v].shard < options.capacity.size(), "a key of no shard",
            access.keys[v].key);
      shard_of_[v] = access.keys[v].shard;
      load_[shard_of_[v]] += access.keys[v].load;
    }
    for (const CoEdge& edge : access.edges) {
      if (edge.a == edge.b || edge.weight <= 0) continue;
      edges_[edge.a].push_back({edge.b, edge.weight});
      edges_[edge.b].push_back({edge.a, edge.weight});
    }
  }

  // Keys with the most weight to other shards, hottest first.
  std::vector<std::size_t> Hottest(const std::set<std::size_t>& without) const {
    std::vector<std::pair<double, std::size_t>> crossing;
    for (std::size_t v = 0; v < edges_.size(); ++v) {
      double cross = 0;
      for (const auto& [other, weight] : edges_[v])
        cross += shard_of_[other] == shard_of_[v] ? 0 : weight;
      if (cross > 0 && !without.contains(v)) crossing.emplace_back(-cross, v);
    }
    std::sort(crossing.begin(), crossing.end());
    std::vector<std::size_t> hottest;
    for (const auto& [cross, v] : crossing) {
      if (hottest.size() < kSeedsTried) hottest.push_back(v);
    }
    return hottest;
  }

  // The best clump that begins with that key; none that pays.
  std::optional<Clump> Grow(std::size_t first, double bytes_left) const {
    Clump clump{.keys = {}, .source = shard_of_[first]};
    std::set<std::size_t> inside;
    std::map<std::size_t, double> neighbours;  // of the same shard, by what binds them to the clump
    std::vector<double> attraction(load_.size());  // weight to each shard; own: what stays behind
    double load = 0;
    std::optional<Clump> best;
    std::size_t worse = 0;
    std::optional<std::size_t> next = first;
    while (next && worse <= options_.look_ahead && clump.keys.size() < options_.keys_max) {
      Add(*next, clump, inside, neighbours, attraction);
      load += access_.keys[*next].load;
      if (clump.bytes > bytes_left) break;
      ++worse;
      for (std::size_t to = 0; to < load_.size(); ++to) {
        if (to == clump.source || load_[to] + load > options_.capacity[to]) continue;
        const double gain = options_.cross_cost * (attraction[to] - attraction[clump.source]) -
                            options_.key_cost * static_cast<double>(clump.keys.size());
        if (gain <= 0 || (best && gain <= best->gain)) continue;
        clump.destination = to;
        clump.gain = gain;
        best = clump;
        worse = 0;
      }
      next = MostBound(neighbours);
    }
    return best;
  }

  void Move(const Clump& clump) {
    for (const std::size_t v : clump.keys) {
      shard_of_[v] = clump.destination;
      load_[clump.source] -= access_.keys[v].load;
      load_[clump.destination] += access_.keys[v].load;
    }
  }

 private:
  struct Edge {
    std::size_t other = 0;
    double weight = 0;
  };

  void Add(std::size_t v, Clump& clump, std::set<std::size_t>& inside,
           std::map<std::size_t, double>& neighbours, std::vector<double>& attraction) const {
    clump.keys.push_back(v);
    clump.bytes += access_.keys[v].bytes;
    inside.insert(v);
    neighbours.erase(v);
    for (const auto& [other, weight] : edges_[v]) {
      if (inside.contains(other)) {
        attraction[clump.source] -= weight;  // it was counted as one that stays behind
        continue;
      }
      attraction[shard_of_[other]] += weight;
      if (shard_of_[other] == clump.source) neighbours[other] += weight;
    }
  }

  static std::optional<std::size_t> MostBound(const std::map<std::size_t, double>& neighbours) {
    const auto most =
        std::max_element(neighbours.begin(), neighbours.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == neighbours.end() ? std::nullopt : std::optional(most->first);
  }

  const CoAccess& access_;
  const ClumpOptions& options_;
  std::vector<std::size_t> shard_of_;
  std::vector<std::vector<Edge>> edges_;
  std::vector<double> load_;
};

}  // namespace

std::vector<Clump> FindClumps(const CoAccess& access, const ClumpOptions& options) {
  Graph graph(access, options);
  std::vector<Clump> clumps;
  std::set<std::size_t> settled;  // began no clump that pays, or has moved: nothing goes twice
  double bytes_left = options.bytes_max;
  for (;;) {
    const std::vector<std::size_t> seeds = graph.Hottest(settled);
    if (seeds.empty()) return clumps;
    std::optional<Clump> best;
    for (const std::size_t seed : seeds) {
      std::optional<Clump> clump = graph.Grow(seed, bytes_left);
      if (!clump) settled.insert(seed);
      // Of two ends of one bond the lighter moves.
      const auto worth = [](const Clump& one) { return one.gain / std::max(1.0, one.bytes); };
      if (clump && (!best || worth(*clump) > worth(*best))) best = std::move(clump);
    }
    if (!best) continue;
    graph.Move(*best);
    bytes_left -= best->bytes;
    settled.insert(best->keys.begin(), best->keys.end());
    clumps.push_back(*std::move(best));
  }
}

double CutOf(const CoAccess& access) {
  double cut = 0;
  for (const CoEdge& edge : access.edges)
    cut += access.keys[edge.a].shard == access.keys[edge.b].shard ? 0 : edge.weight;
  return cut;
}

}  // namespace foreshard::planner
