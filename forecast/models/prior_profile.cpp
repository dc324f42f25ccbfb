#include "forecast/models/prior_profile.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr std::size_t kProfilesMost = 8;
constexpr std::size_t kSeriesAProfile = 4;  // fewer series than this do not make a group
constexpr int kRounds = 10;
constexpr int kDays = 7;
constexpr std::size_t kDayBinsMost = 24 * 60;
constexpr double kTiny = 1e-9;

using Profile = std::vector<double>;

std::size_t PlaceOf(const Past& past, int index) {
  return static_cast<std::size_t>(past.DayPosition(index - (past.size() - 1)));
}

Profile ProfileOf(const Past& past) {
  const auto day = static_cast<std::size_t>(past.day);
  std::vector<std::vector<double>> by_place(day);
  for (int d = 0; d < kDays; ++d) {
    const int end = past.size() - d * past.day;
    if (end < past.day) break;
    const double mean = MeanEndingAt(past, end - 1, past.day);
    for (int i = end - past.day; i < end && mean > 0; ++i)
      by_place[PlaceOf(past, i)].push_back(past[i] / mean);
  }
  Profile profile(day, 1);
  for (std::size_t p = 0; p < day; ++p) {
    if (by_place[p].empty()) continue;
    const auto middle = by_place[p].begin() + static_cast<std::ptrdiff_t>(by_place[p].size() / 2);
    std::nth_element(by_place[p].begin(), middle, by_place[p].end());
    profile[p] = *middle;
  }
  return profile;
}

double Distance(const Profile& a, const Profile& b) {
  double sum = 0;
  for (std::size_t p = 0; p < a.size(); ++p) sum += (a[p] - b[p]) * (a[p] - b[p]);
  return sum;
}

std::size_t NearestOf(const std::vector<Profile>& centers, const Profile& profile) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < centers.size(); ++k) {
    if (Distance(centers[k], profile) < Distance(centers[best], profile)) best = k;
  }
  return best;
}

// The first profile, then always the one that is farthest from all chosen.
std::vector<Profile> Seeds(const std::vector<Profile>& all) {
  const std::size_t wanted = std::min(kProfilesMost, all.size() / kSeriesAProfile + 1);
  std::vector<Profile> seeds = {all.front()};
  while (seeds.size() < wanted) {
    const auto farthest =
        std::max_element(all.begin(), all.end(), [&seeds](const Profile& a, const Profile& b) {
          return Distance(a, seeds[NearestOf(seeds, a)]) < Distance(b, seeds[NearestOf(seeds, b)]);
        });
    if (Distance(*farthest, seeds[NearestOf(seeds, *farthest)]) <= kTiny) break;
    seeds.push_back(*farthest);
  }
  return seeds;
}

}  // namespace

PriorProfiles PriorProfiles::Fit(std::span<const Past> series) {
  PriorProfiles fitted;
  std::vector<Profile> all;
  for (const Past& past : series) {
    if (past.size() >= 2 * past.day) all.push_back(ProfileOf(past));
  }
  if (all.empty()) return fitted;
  std::vector<Profile> centers = Seeds(all);
  std::vector<std::size_t> counts;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Profile> sums(centers.size(), Profile(all.front().size(), 0));
    counts.assign(centers.size(), 0);
    for (const Profile& profile : all) {
      const std::size_t k = NearestOf(centers, profile);
      for (std::size_t p = 0; p < profile.size(); ++p) sums[k][p] += profile[p];
      ++counts[k];
    }
    for (std::size_t k = 0; k < centers.size(); ++k) {
      if (counts[k] == 0) continue;
      for (double& value : sums[k]) value /= static_cast<double>(counts[k]);
      centers[k] = std::move(sums[k]);
    }
  }
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < centers.size(); ++k) {
    if (counts[k] > 0) order.push_back(k);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&counts](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  for (const std::size_t k : order) fitted.profiles_.push_back(std::move(centers[k]));
  return fitted;
}

std::size_t PriorProfiles::Nearest(const Past& past) const {
  std::size_t best = 0;
  double least = HUGE_VAL;
  const int begin = std::max(0, past.size() - past.day);
  for (std::size_t k = 0; k < profiles_.size(); ++k) {
    double seen = 0;
    double said = 0;
    for (int i = begin; i < past.size(); ++i) {
      seen += past[i];
      said += profiles_[k][PlaceOf(past, i)];
    }
    const double level = seen / (said + kTiny);
    double error = 0;
    for (int i = begin; i < past.size(); ++i)
      error += std::abs(past[i] - level * profiles_[k][PlaceOf(past, i)]);
    if (error < least) {
      least = error;
      best = k;
    }
  }
  return best;
}

double PriorProfiles::Forecast(const Past& past, std::size_t profile, int step) const {
  const Profile& day = profiles_[profile];
  if (day.size() != static_cast<std::size_t>(past.day)) return past.y.back();
  double seen = 0;
  double said = 0;
  for (int i = std::max(0, past.size() - past.hour()); i < past.size(); ++i) {
    seen += past[i];
    said += day[PlaceOf(past, i)];
  }
  if (said <= kTiny) return past.y.back();
  return seen / said * day[static_cast<std::size_t>(past.DayPosition(step))];
}

void PriorProfiles::Save(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(profiles_.size()));
  for (const Profile& profile : profiles_) out.PutAll(profile);
}

bool PriorProfiles::Load(ByteReader& in) {
  const auto count = in.Get<std::uint32_t>();
  if (!in.good() || count > kProfilesMost) return false;
  profiles_.clear();
  for (std::uint32_t k = 0; k < count; ++k) {
    profiles_.push_back(in.GetVector<double>(kDayBinsMost));
    if (!in.good() || profiles_.back().size() != profiles_.front().size()) return false;
    for (const double value : profiles_.back()) {
      if (!std::isfinite(value) || value < 0) return false;
    }
  }
  return true;
}

}  // namespace foreshard::forecast
