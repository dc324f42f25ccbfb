#include "cli/plugin/completion.h"

#include <fmt/format.h>

namespace foreshard::plugin {

namespace {

constexpr const char* kBash = R"(# source <(kubectl-foreshard completion bash)
_kubectl_foreshard() {
  local word=${COMP_WORDS[COMP_CWORD]}
  mapfile -t COMPREPLY < <(
    kubectl-foreshard __complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null)
}
complete -F _kubectl_foreshard kubectl-foreshard
)";
constexpr const char* kZsh = R"(#compdef kubectl-foreshard
# kubectl-foreshard completion zsh > "${fpath[1]}/_kubectl-foreshard"
_kubectl_foreshard() {
  local -a found
  found=("${(@f)$(kubectl-foreshard __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $found
}
compdef _kubectl_foreshard kubectl-foreshard
)";
constexpr const char* kFish =
    R"(# kubectl-foreshard completion fish > ~/.config/fish/completions/kubectl-foreshard.fish
function __kubectl_foreshard
  set -l words (commandline -opc) (commandline -ct)
  kubectl-foreshard __complete $words[2..-1] 2>/dev/null
end
complete -c kubectl-foreshard -f -a '(__kubectl_foreshard)'
)";
constexpr const char* kKubectl = R"(#!/bin/sh
# kubectl-foreshard completion kubectl > kubectl_complete-foreshard, executable, in PATH: then
# `kubectl foreshard <TAB>` works where kubectl's own completion does.
kubectl-foreshard __complete "$@" 2>/dev/null
echo ':4'
)";

}  // namespace

Result<std::string> CompletionScript(const std::string& shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  if (shell == "kubectl") return std::string(kKubectl);
  return Error::GiveUp(fmt::format("completion {}: bash, zsh, fish or kubectl", shell));
}

std::string Matching(const std::vector<std::string>& candidates, const std::string& prefix) {
  std::string text;
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(prefix)) text += candidate + "\n";
  }
  return text;
}

}  // namespace foreshard::plugin
