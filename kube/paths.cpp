#include "kube/paths.h"

#include <fmt/format.h>

namespace foreshard::kube {
namespace {

bool IsUnreserved(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.' ||
         letter == '~';
}

std::string Encode(std::string_view text) {
  std::string encoded;
  for (const char letter : text) {
    if (IsUnreserved(letter)) {
      encoded += letter;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(letter)));
    }
  }
  return encoded;
}

}  // namespace

std::string CollectionPath(const ResourceKind& kind, std::string_view name_space) {
  std::string path = kind.group.empty() ? fmt::format("/api/{}", kind.version)
                                        : fmt::format("/apis/{}/{}", kind.group, kind.version);
  if (kind.namespaced && !name_space.empty()) path += "/namespaces/" + Encode(name_space);
  return path + "/" + kind.plural;
}

std::string ObjectPath(const ResourceKind& kind, const ObjectRef& ref,
                       std::string_view subresource) {
  CHECK(!ref.name.empty(), "an object without a name", kind.plural);
  CHECK(!kind.namespaced || !ref.name_space.empty(), "an object without a namespace", kind.plural,
        ref.name);
  std::string path = CollectionPath(kind, ref.name_space) + "/" + Encode(ref.name);
  if (!subresource.empty()) path += "/" + std::string(subresource);
  return path;
}

std::string QueryOf(const std::vector<std::pair<std::string_view, std::string>>& pairs) {
  std::string query;
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    query += query.empty() ? "?" : "&";
    query += std::string(name) + "=" + Encode(value);
  }
  return query;
}

}  // namespace foreshard::kube
