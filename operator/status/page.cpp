#include "operator/status/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/status/html.h"
#include "operator/status/set_page.h"
#include "operator/status/style.h"

namespace foreshard::op {
namespace {

constexpr int kReloadSeconds = 10;

std::string PathOf(const PageRequest& request) {
  std::string path = request.live ? "/live" : "";
  if (request.set) path += fmt::format("/sets/{}/{}", request.set->name_space, request.set->name);
  return path.empty() ? "/" : path;
}

std::string Link(const PageRequest& request, const std::string& words) {
  return fmt::format("<a href=\"{}\">{}</a>", Escape(PathOf(request)), words);
}

std::string Header(const StatusState& state, const PageRequest& request) {
  PageRequest other = request;
  other.live = !request.live;
  std::string home = "<span class=\"brand\">Foreshard</span>";
  if (request.set && state.sets.size() > 1) home += " " + Link({.live = request.live}, "all sets");
  return fmt::format(
      "<header><nav aria-label=\"Pages\">{}</nav><p class=\"when\">as of "
      "<time datetime=\"{}\">{} UTC</time> · {}{}</p></header>",
      home, FormatRfc3339(state.now), FormatRfc3339(state.now).substr(11, 8),
      request.live ? fmt::format("every {} s · ", kReloadSeconds) : Link(request, "reload") + " · ",
      Link(other, request.live ? "stop" : "follow"));
}

std::string Overview(const StatusState& state, const PageRequest& request) {
  if (!state.complete)
    return "<h1>Not yet</h1><p>This operator has not read the first lists from the API server.</p>";
  if (state.sets.empty())
    return "<h1>No ShardSet yet</h1><p><code>kubectl apply -f deploy/examples/quickstart.yaml"
           "</code> makes a first one.</p>";
  std::string cards;
  for (const SetState& one : state.sets) {
    const PageRequest link{.live = request.live,
                           .set = kube::ObjectRef{one.set.name_space, one.set.name}};
    cards += SetCard(one, PathOf(link), state.now);
  }
  return fmt::format("<h1>{} ShardSets</h1><div class=\"grid\">{}</div>", state.sets.size(), cards);
}

std::string Document(const std::string& title, const std::string& header, const std::string& main,
                     bool live) {
  const std::string reload =
      live ? fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">", kReloadSeconds) : "";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{}\n"
      "<link rel=\"icon\" href=\"data:,\"><title>{}</title>\n<style>{}</style></head>\n<body>"
      "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n{}\n<main id=\"main\">\n{}\n"
      "</main></body></html>\n",
      reload, Escape(title), kStyle, header, main);
}

}  // namespace

std::optional<PageRequest> ParsePagePath(const std::string& path) {
  PageRequest request;
  std::string rest = path;
  if (rest == "/live" || rest.starts_with("/live/")) {
    request.live = true;
    rest = rest.substr(5);
  }
  if (rest.empty() || rest == "/") return request;
  constexpr std::string_view kSets = "/sets/";
  if (!rest.starts_with(kSets)) return std::nullopt;
  rest = rest.substr(kSets.size());
  const std::size_t slash = rest.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == rest.size() ||
      rest.find('/', slash + 1) != std::string::npos) {
    return std::nullopt;
  }
  request.set = kube::ObjectRef{rest.substr(0, slash), rest.substr(slash + 1)};
  return request;
}

std::optional<std::string> StatusPage(const StatusState& state, const PageRequest& request) {
  const auto found = std::ranges::find_if(state.sets, [&request](const SetState& one) {
    return request.set && one.set.name_space == request.set->name_space &&
           one.set.name == request.set->name;
  });
  if (request.set && found == state.sets.end()) return std::nullopt;
  const std::string header = Header(state, request);
  if (!request.set && state.sets.size() != 1)
    return Document("Foreshard", header, Overview(state, request), request.live);
  const SetState& one = request.set ? *found : state.sets.front();
  return Document(fmt::format("{} · {} · Foreshard", one.set.name, one.set.name_space), header,
                  SetPage(one, state), request.live);
}

}  // namespace foreshard::op
