#include <fmt/format.h>

#include <charconv>

#include "router/merge.h"
#include "router/merge_wire.h"

// The small parts of a merge: command tags, result formats, rows of a split INSERT.

namespace foreshard::router {

namespace {

std::uint64_t CountOfTag(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  std::uint64_t count = 0;
  if (space != std::string_view::npos)
    std::from_chars(tag.data() + space + 1, tag.data() + tag.size(), count);
  return count;
}

}  // namespace

std::vector<std::int16_t> ShardFormats(const MergeRecipe* recipe,
                                       std::vector<std::int16_t> client_formats) {
  if (recipe == nullptr || client_formats.size() <= 1) return client_formats;
  client_formats.resize(client_formats.size() + recipe->hidden, 0);
  return client_formats;
}

std::string AddCommandTags(const std::vector<std::string>& tags) {
  if (tags.empty()) return "";
  const std::string& first = tags.front();
  const std::size_t space = first.rfind(' ');
  const bool counted = space != std::string::npos && space + 1 < first.size() &&
                       first[space + 1] >= '0' && first[space + 1] <= '9';
  if (!counted) return first;
  std::uint64_t sum = 0;
  for (const std::string& tag : tags) sum += CountOfTag(tag);
  return fmt::format("{} {}", std::string_view(first).substr(0, space), sum);
}

RowInterleaver::RowInterleaver(std::vector<std::vector<std::uint32_t>> rows)
    : rows_(std::move(rows)), seen_(rows_.size(), 0) {
  std::size_t count = 0;
  for (const std::vector<std::uint32_t>& shard : rows_) count += shard.size();
  waiting_.resize(count);
}

void RowInterleaver::DataRow(std::size_t shard, std::string_view body) {
  const std::size_t place = seen_[shard]++;
  if (place < rows_[shard].size()) {
    waiting_[rows_[shard][place]] = std::string(body);
  } else {
    waiting_.emplace_back(std::string(body));  // a trigger or rule gave more rows than were sent
  }
}

void RowInterleaver::Take(std::string& out) {
  for (; next_ < waiting_.size() && waiting_[next_]; ++next_) {
    AppendMessage('D', *waiting_[next_], out);
    waiting_[next_].reset();
  }
}

void RowInterleaver::TakeRest(std::string& out) {
  for (; next_ < waiting_.size(); ++next_) {
    if (waiting_[next_]) AppendMessage('D', *waiting_[next_], out);
    waiting_[next_].reset();
  }
}

}  // namespace foreshard::router
