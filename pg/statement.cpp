#include "pg/statement.h"

#include <charconv>
#include <cstdlib>

#include "base/check.h"

namespace foreshard::pg {

const std::optional<std::string>& Rows::Cell(std::size_t row, std::size_t column) const {
  CHECK(row < size() && column < columns_, "no such cell", row, column, size(), columns_);
  return cells_[row * columns_ + column];
}

const std::string& Rows::Text(std::size_t row, std::size_t column) const {
  const std::optional<std::string>& cell = Cell(row, column);
  CHECK(cell.has_value(), "NULL where a value was promised", row, column);
  return *cell;
}

std::int64_t Rows::Int(std::size_t row, std::size_t column) const {
  const std::string& text = Text(row, column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc() && end == text.data() + text.size(), "not an integer", row, column);
  return value;
}

double Rows::Real(std::size_t row, std::size_t column) const {
  const std::string& text = Text(row, column);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc() && end == text.data() + text.size(), "not a number", row, column);
  return value;
}

bool Rows::Bool(std::size_t row, std::size_t column) const {
  const std::string& text = Text(row, column);
  CHECK(text == "t" || text == "f", "not a boolean", row, column);
  return text == "t";
}

std::string QuoteIdentifier(std::string_view name) {
  std::string result = "\"";
  for (const char c : name) {
    if (c == '"') result += '"';
    result += c;
  }
  result += '"';
  return result;
}

std::string QuoteLiteral(std::string_view text) {
  std::string result = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  result += '\'';
  return result;
}

std::string ArrayLiteral(const std::vector<std::int64_t>& values) {
  std::string result = "{";
  for (const std::int64_t value : values) {
    if (result.size() > 1) result += ',';
    result += std::to_string(value);
  }
  return result + '}';
}

std::string ArrayLiteral(const std::vector<std::string>& values) {
  std::string result = "{";
  for (const std::string& value : values) {
    if (result.size() > 1) result += ',';
    result += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
    result += '"';
  }
  return result + '}';
}

std::vector<std::string> ParseArray(std::string_view text) {
  std::vector<std::string> result;
  CHECK(text.size() >= 2 && text.front() == '{' && text.back() == '}', "not an array");
  text = text.substr(1, text.size() - 2);
  if (text.empty()) return result;
  std::string element;
  bool quoted = false;
  bool was_quoted = false;
  const auto finish = [&] {
    result.push_back(!was_quoted && element == "NULL" ? std::string() : element);
    element.clear();
    was_quoted = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      element += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
      was_quoted = true;
    } else if (text[i] == ',' && !quoted) {
      finish();
    } else {
      element += text[i];
    }
  }
  finish();
  return result;
}

}  // namespace foreshard::pg
