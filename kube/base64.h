#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace foreshard::kube {

// Standard alphabet with padding, as in Secrets and kubeconfigs (RFC 4648, section 4).
std::string EncodeBase64(std::string_view bytes);

// White space between digits is skipped. Errors: kGiveUp; the message never shows the text, which
// may be a key.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace foreshard::kube
