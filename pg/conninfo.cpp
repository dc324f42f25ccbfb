#include "pg/conninfo.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

namespace foreshard::pg {

Result<Conninfo> Conninfo::Parse(std::string_view text) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(std::string(text).c_str(), &message), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
  if (!options) return Error::GiveUp("connection settings: not a valid libpq string");
  Conninfo result;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) result.settings_.emplace_back(option->keyword, option->val);
  }
  return result;
}

Conninfo Conninfo::With(std::string_view keyword, std::string_view value) const {
  Conninfo result = *this;
  std::erase_if(result.settings_, [&](const auto& setting) { return setting.first == keyword; });
  result.settings_.emplace_back(keyword, value);
  return result;
}

Conninfo Conninfo::WithDefault(std::string_view keyword, std::string_view value) const {
  return Get(keyword).empty() ? With(keyword, value) : *this;
}

std::string_view Conninfo::Get(std::string_view keyword) const {
  const auto found = std::find_if(settings_.begin(), settings_.end(),
                                  [&](const auto& setting) { return setting.first == keyword; });
  return found == settings_.end() ? std::string_view() : std::string_view(found->second);
}

std::string Conninfo::text() const {
  std::string result;
  for (const auto& [keyword, value] : settings_) {
    if (!result.empty()) result += ' ';
    result += keyword;
    result += "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') result += '\\';
      result += c;
    }
    result += '\'';
  }
  return result;
}

}  // namespace foreshard::pg
