#include "kube/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <optional>

#include "kube/base64.h"

namespace foreshard::kube {
namespace {

Error Wrong(std::string_view what) {
  return Error::GiveUp(fmt::format("kubeconfig: {}", what), "InvalidKubeconfig");
}

std::string Text(const YAML::Node& node, const char* key) {
  const YAML::Node value = node.IsMap() ? node[key] : YAML::Node(YAML::NodeType::Undefined);
  return value.IsDefined() && value.IsScalar() ? value.Scalar() : std::string();
}

// The member `field` of the entry called `name` in the list `list`.
Result<YAML::Node> Entry(const YAML::Node& root, const char* list, const char* field,
                         const std::string& name) {
  const YAML::Node entries = root[list];
  if (entries.IsDefined() && entries.IsSequence()) {
    for (const YAML::Node& entry : entries) {
      if (Text(entry, "name") != name) continue;
      const YAML::Node found = entry[field];
      return found.IsDefined() && found.IsMap() ? found : YAML::Node(YAML::NodeType::Map);
    }
  }
  return Wrong(fmt::format("{}: there is none called '{}'", list, name));
}

// PEM from `key`-data (base64) or from the file `key` names; "" if neither is there.
Result<std::string> Material(const YAML::Node& node, const std::string& key,
                             const std::string& directory) {
  if (const std::string data = Text(node, (key + "-data").c_str()); !data.empty()) {
    Result<std::string> decoded = DecodeBase64(data);
    if (!decoded) return Wrong(fmt::format("{}-data: {}", key, decoded.error().message));
    return decoded;
  }
  const std::string file = Text(node, key.c_str());
  if (file.empty()) return std::string();
  Result<std::string> text = ReadFile(std::filesystem::path(directory) / file);
  if (!text) return Wrong(fmt::format("{}: {}", key, text.error().message));
  return text;
}

std::optional<Error> Unsupported(const YAML::Node& cluster, const YAML::Node& user) {
  for (const char* key : {"exec", "auth-provider", "username", "password", "as"}) {
    if (user[key].IsDefined()) {
      return Wrong(
          fmt::format("user.{}: not supported; use a client certificate, token or tokenFile", key));
    }
  }
  for (const char* key : {"proxy-url", "tls-server-name"}) {
    if (cluster[key].IsDefined()) return Wrong(fmt::format("cluster.{}: not supported", key));
  }
  return std::nullopt;
}

Result<ApiAccess> Build(const YAML::Node& cluster, const YAML::Node& user,
                        const std::string& directory) {
  if (const std::optional<Error> no = Unsupported(cluster, user)) return *no;
  ApiAccess access;
  access.server = Text(cluster, "server");
  if (!access.server.starts_with("https://") && !access.server.starts_with("http://")) {
    return Wrong(fmt::format("cluster.server: '{}' must begin with https://", access.server));
  }
  while (access.server.ends_with('/')) access.server.pop_back();
  access.verify_server = Text(cluster, "insecure-skip-tls-verify") != "true";
  Result<std::string> authority = Material(cluster, "certificate-authority", directory);
  if (!authority) return authority.error();
  access.ca_pem = *std::move(authority);
  Result<std::string> certificate = Material(user, "client-certificate", directory);
  if (!certificate) return certificate.error();
  access.client_certificate_pem = *std::move(certificate);
  Result<std::string> key = Material(user, "client-key", directory);
  if (!key) return key.error();
  access.client_key_pem = *std::move(key);
  if (access.client_certificate_pem.empty() != access.client_key_pem.empty()) {
    return Wrong("user: client-certificate and client-key belong together; one of them is missing");
  }
  access.token = Text(user, "token");
  if (const std::string file = Text(user, "tokenFile"); !file.empty()) {
    access.token_file = std::filesystem::path(directory) / file;
  }
  return access;
}

Result<ApiAccess> FromRoot(const YAML::Node& root, const std::string& directory,
                           std::string_view wanted) {
  if (!root.IsMap()) return Wrong("not a YAML map");
  const std::string name = wanted.empty() ? Text(root, "current-context") : std::string(wanted);
  if (name.empty()) return Wrong("current-context: not set; name a context");
  const Result<YAML::Node> context = Entry(root, "contexts", "context", name);
  if (!context) return context.error();
  const Result<YAML::Node> cluster = Entry(root, "clusters", "cluster", Text(*context, "cluster"));
  if (!cluster) return cluster.error();
  const Result<YAML::Node> user = Entry(root, "users", "user", Text(*context, "user"));
  if (!user) return user.error();
  Result<ApiAccess> access = Build(*cluster, *user, directory);
  if (!access) return access;
  if (std::string name_space = Text(*context, "namespace"); !name_space.empty()) {
    access->name_space = std::move(name_space);
  }
  return access;
}

}  // namespace

Result<ApiAccess> ParseKubeconfig(const std::string& yaml, const std::string& directory,
                                  std::string_view context) {
  try {
    return FromRoot(YAML::Load(yaml), directory, context);
  } catch (const YAML::Exception& problem) {
    return Wrong(fmt::format("line {}: {}", problem.mark.line + 1, problem.msg));
  }
}

Result<ApiAccess> ReadKubeconfig(const std::string& path, std::string_view context) {
  const Result<std::string> text = ReadFile(path);
  if (!text) return text.error();
  Result<ApiAccess> access =
      ParseKubeconfig(*text, std::filesystem::path(path).parent_path(), context);
  if (!access)
    return Error::GiveUp(fmt::format("{}: {}", path, access.error().message),
                         access.error().reason);
  return access;
}

}  // namespace foreshard::kube
