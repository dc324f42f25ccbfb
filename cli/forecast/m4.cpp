#include "cli/forecast/m4.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>
#include <set>

namespace foreshard::cli {

namespace {

std::string_view Cell(std::string_view& row) {
  const std::size_t comma = row.find(',');
  std::string_view cell = row.substr(0, comma);
  row.remove_prefix(comma == std::string_view::npos ? row.size() : comma + 1);
  while (!cell.empty() && (cell.back() == '\r' || cell.back() == ' ')) cell.remove_suffix(1);
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') {
    cell = cell.substr(1, cell.size() - 2);
  }
  return cell;
}

Error AtLine(std::size_t line, std::string reason) {
  return Error::GiveUp(fmt::format("line {}: {}", line, reason), "BadInput");
}

Result<NamedSeries> ParseRow(std::string_view row, std::size_t line) {
  NamedSeries series;
  series.id = std::string(Cell(row));
  if (series.id.empty()) return AtLine(line, "no id");
  bool ended = false;
  while (!row.empty()) {
    const std::string_view cell = Cell(row);
    if (cell.empty() || cell == "NA") {
      ended = true;
      continue;
    }
    if (ended) return AtLine(line, fmt::format("series {} goes on after an empty cell", series.id));
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) {
      return AtLine(line, fmt::format("'{}' is not a number", cell));
    }
    series.values.push_back(value);
  }
  if (series.values.empty()) return AtLine(line, fmt::format("series {} has no values", series.id));
  return series;
}

}  // namespace

Result<std::vector<NamedSeries>> ParseM4(std::string_view text) {
  std::vector<NamedSeries> all;
  std::set<std::string> ids;
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view row = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line;
    if (line == 1 || row.empty() || row == "\r") continue;  // the first row is the header
    Result<NamedSeries> series = ParseRow(row, line);
    if (!series) return series.error();
    if (!ids.insert(series->id).second)
      return AtLine(line, fmt::format("id {} comes twice", series->id));
    all.push_back(*std::move(series));
  }
  if (all.empty())
    return AtLine(std::max<std::size_t>(line, 1),
                  "no series; expected a header and one series a row");
  return all;
}

Result<std::vector<std::vector<double>>> MatchTest(const std::vector<NamedSeries>& train,
                                                   const std::vector<NamedSeries>& test,
                                                   std::size_t horizon) {
  std::map<std::string, const NamedSeries*> by_id;
  for (const NamedSeries& series : test) by_id[series.id] = &series;
  std::vector<std::vector<double>> matched;
  for (const NamedSeries& series : train) {
    const auto found = by_id.find(series.id);
    if (found == by_id.end())
      return Error::GiveUp(fmt::format("no test values for {}", series.id), "BadInput");
    const std::vector<double>& values = found->second->values;
    if (values.size() < horizon) {
      return Error::GiveUp(
          fmt::format("{} has {} test values, {} needed", series.id, values.size(), horizon),
          "BadInput");
    }
    matched.emplace_back(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(horizon));
  }
  return matched;
}

}  // namespace foreshard::cli
