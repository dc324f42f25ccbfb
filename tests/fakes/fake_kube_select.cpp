#include "tests/fakes/fake_kube_select.h"

#include <algorithm>
#include <vector>

namespace foreshard::fakes {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At commas outside parentheses.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    if (const std::string_view part = Trim(text.substr(begin, i - begin)); !part.empty())
      parts.push_back(part);
    begin = i + 1;
  }
  return parts;
}

Error BadSelector(std::string_view part) {
  return Error::GiveUp("unable to parse requirement: " + std::string(part), "BadRequest", "400");
}

// "name in (a,b)": whether `value` is one of them.
Result<bool> IsListed(std::string_view list, std::string_view part, const std::string& value) {
  list = Trim(list);
  if (list.size() < 2 || list.front() != '(' || list.back() != ')') return BadSelector(part);
  const std::vector<std::string_view> values = Split(list.substr(1, list.size() - 2));
  return std::find(values.begin(), values.end(), value) != values.end();
}

Result<bool> MatchesPart(std::string_view part, const std::map<std::string, std::string>& labels) {
  const auto value_of = [&](std::string_view name) {
    const auto found = labels.find(std::string(Trim(name)));
    return found == labels.end() ? std::string() : found->second;
  };
  const auto has = [&](std::string_view name) { return labels.contains(std::string(Trim(name))); };
  if (const auto at = part.find(" notin "); at != std::string_view::npos) {
    const Result<bool> listed = IsListed(part.substr(at + 7), part, value_of(part.substr(0, at)));
    if (!listed) return listed.error();
    return !has(part.substr(0, at)) || !*listed;
  }
  if (const auto at = part.find(" in "); at != std::string_view::npos) {
    const Result<bool> listed = IsListed(part.substr(at + 4), part, value_of(part.substr(0, at)));
    if (!listed) return listed.error();
    return has(part.substr(0, at)) && *listed;
  }
  if (const auto at = part.find("!="); at != std::string_view::npos) {
    return !has(part.substr(0, at)) || value_of(part.substr(0, at)) != Trim(part.substr(at + 2));
  }
  if (const auto at = part.find('='); at != std::string_view::npos) {
    std::string_view value = part.substr(at + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    return has(part.substr(0, at)) && value_of(part.substr(0, at)) == Trim(value);
  }
  if (part.front() == '!') return !has(part.substr(1));
  return has(part);
}

std::string FieldText(const nlohmann::json& object, std::string_view path) {
  const nlohmann::json* at = &object;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const auto found = at->is_object() ? at->find(std::string(path.substr(0, dot))) : at->end();
    if (!at->is_object() || found == at->end()) return {};
    at = &*found;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at->is_string() ? at->get<std::string>() : at->dump();
}

}  // namespace

Result<bool> MatchesLabels(std::string_view selector,
                           const std::map<std::string, std::string>& labels) {
  for (const std::string_view part : Split(selector)) {
    const Result<bool> matches = MatchesPart(part, labels);
    if (!matches || !*matches) return matches;
  }
  return true;
}

Result<bool> MatchesFields(std::string_view selector, const nlohmann::json& object) {
  for (std::string_view part : Split(selector)) {
    const std::size_t at = part.find('=');
    if (at == std::string_view::npos || at == 0) return BadSelector(part);
    const bool negated = part[at - 1] == '!';
    std::string_view value = part.substr(at + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    const bool equal =
        FieldText(object, Trim(part.substr(0, negated ? at - 1 : at))) == Trim(value);
    if (equal == negated) return false;
  }
  return true;
}

}  // namespace foreshard::fakes
