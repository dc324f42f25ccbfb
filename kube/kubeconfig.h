#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "kube/api_access.h"

// A kubeconfig as kubectl reads it: certificates and tokens, inline or in files beside it.
//
// Not supported, and refused with the field's name: exec plugins, auth providers, user and
// password, proxies, a server name that differs from the address. A short-lived token in a Secret
// or a client certificate does the same for a service.

namespace foreshard::kube {

// `context` "": the file's current-context. Errors: kGiveUp naming file and field.
Result<ApiAccess> ReadKubeconfig(const std::string& path, std::string_view context = {});

// The same from text; relative file names start at `directory`.
Result<ApiAccess> ParseKubeconfig(const std::string& yaml, const std::string& directory,
                                  std::string_view context = {});

}  // namespace foreshard::kube
