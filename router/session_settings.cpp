#include "router/session_settings.h"

#include <algorithm>
#include <cctype>

namespace foreshard::router {
namespace {

std::string Fold(std::string_view name) {
  std::string folded(name);
  std::transform(folded.begin(), folded.end(), folded.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return folded;
}

// A list such as search_path must arrive as a list; set_config takes it as one text.
std::string SetStatement(const std::string& name, const std::string& value) {
  return "SELECT pg_catalog.set_config(" + QuoteLiteral(name) + "," + QuoteLiteral(value) +
         ",false);";
}

}  // namespace

std::string QuoteLiteral(std::string_view text) {
  std::string quoted = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted.push_back(c);
    quoted.push_back(c);
  }
  quoted.push_back('\'');
  return quoted;
}

std::string QuoteIdentifier(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted.push_back(c);
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

void SessionSettings::Begin(std::map<std::string, std::string> initial) {
  for (auto& [name, value] : initial) initial_[Fold(name)] = value;
  values_ = initial_;
  Rebuild();
}

void SessionSettings::Set(std::string_view name, std::string_view value) {
  const std::string folded = Fold(name);
  values_[folded] = std::string(value);
  locals_.erase(folded);
  Rebuild();
}

void SessionSettings::SetLocal(std::string_view name, std::optional<std::string> value) {
  const std::string folded = Fold(name);
  const auto initial = initial_.find(folded);
  if (!value && initial != initial_.end()) value = initial->second;
  locals_[folded] = std::move(value);
}

void SessionSettings::Reset(std::string_view name) {
  const std::string folded = Fold(name);
  const auto initial = initial_.find(folded);
  locals_.erase(folded);
  if (initial == initial_.end()) {
    values_.erase(folded);
  } else {
    values_[folded] = initial->second;
  }
  Rebuild();
}

void SessionSettings::ResetAll() {
  values_ = initial_;
  locals_.clear();
  Rebuild();
}

std::optional<std::string> SessionSettings::Find(std::string_view name) const {
  const std::string folded = Fold(name);
  if (const auto local = locals_.find(folded); local != locals_.end()) return local->second;
  const auto found = values_.find(folded);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

void SessionSettings::Rebuild() {
  bytes_ = 0;
  std::string script = "RESET ALL;";
  for (const auto& [name, value] : values_) {
    bytes_ += name.size() + value.size();
    script += SetStatement(name, value);
  }
  script_ = values_.empty() ? nullptr : std::make_shared<const std::string>(std::move(script));
}

bool SameSettings(const std::shared_ptr<const std::string>& in_force,
                  const std::shared_ptr<const std::string>& wanted) {
  if (in_force == wanted) return true;
  return in_force != nullptr && wanted != nullptr && *in_force == *wanted;
}

}  // namespace foreshard::router
