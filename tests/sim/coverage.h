#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// Where a run has been. A cover point that stays at zero over all seeds fails the run: a green
// simulator must have been there.

namespace foreshard::sim {

class Coverage {
 public:
  void Hit(const std::string& point) { ++counts_[point]; }
  std::int64_t Count(const std::string& point) const {
    const auto found = counts_.find(point);
    return found == counts_.end() ? 0 : found->second;
  }
  // "count point" a line, and back: how the counts of one process reach another.
  std::string ToText() const;
  void AddText(const std::string& text);
  // The count, which then is gone.
  std::int64_t Take(const std::string& point);
  const std::map<std::string, std::int64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, std::int64_t> counts_;
};

// Every point that a long enough run must reach.
std::vector<std::string> ExpectedCoverPoints();

}  // namespace foreshard::sim
