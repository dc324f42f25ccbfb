#include "tests/fakes/faulty_kube_api.h"

#include "kube/http_error.h"
#include "kube/kinds.h"
#include "kube/object_json.h"

namespace foreshard::fakes {

using kube::Object;
using kube::ObjectRef;
using kube::ResourceKind;

namespace {

Error NotSent(const KubeCall& call) {
  return kube::ConnectionError(false, kube::Describe(call.verb, call.kind, call.ref),
                               "injected fault");
}

Error AnswerLost(const KubeCall& call) {
  return kube::ConnectionError(true, kube::Describe(call.verb, call.kind, call.ref),
                               "injected fault");
}

Error Answered(int status, const KubeCall& call) {
  return kube::HttpError(status, kube::Describe(call.verb, call.kind, call.ref), "injected fault");
}

Error Conflict(const KubeCall& call) {
  return kube::HttpError(409, kube::Describe(call.verb, call.kind, call.ref), "injected conflict");
}

}  // namespace

template <typename Answer, typename Call>
Answer FaultyKubeApi::Write(const KubeCall& call, const Call& send) {
  const KubeFault fault = decide_(call);
  if (fault == KubeFault::kFailBefore) return NotSent(call);
  if (fault == KubeFault::kConflict) return Conflict(call);
  if (fault == KubeFault::kBusy) return Answered(429, call);
  Answer answer = send();
  if (fault == KubeFault::kBroken) return Answered(500, call);
  if (fault == KubeFault::kFailAfter) return AnswerLost(call);
  return answer;
}

Result<std::optional<Object>> FaultyKubeApi::Get(const ResourceKind& kind, const ObjectRef& ref,
                                                 Deadline deadline) {
  const KubeCall call{.verb = "get", .kind = kind, .ref = ref};
  const KubeFault fault = decide_(call);
  if (fault == KubeFault::kFailBefore || fault == KubeFault::kFailAfter) return NotSent(call);
  if (fault == KubeFault::kBusy) return Answered(429, call);
  if (fault == KubeFault::kBroken) return Answered(500, call);
  const std::pair question{kind, ref};
  if (fault == KubeFault::kStale) {
    if (const auto seen = seen_objects_.find(question); seen != seen_objects_.end())
      return seen->second;
  }
  Result<std::optional<Object>> answer = inner_.Get(kind, ref, deadline);
  if (answer) seen_objects_[question] = *answer;
  return answer;
}

Result<kube::ObjectList> FaultyKubeApi::List(const ResourceKind& kind,
                                             const kube::ListOptions& options, Deadline deadline) {
  const ObjectRef where{.name_space = options.name_space, .name = ""};
  const KubeCall call{.verb = "list", .kind = kind, .ref = where};
  const KubeFault fault = decide_(call);
  if (fault == KubeFault::kFailBefore || fault == KubeFault::kFailAfter) return NotSent(call);
  if (fault == KubeFault::kBusy) return Answered(429, call);
  if (fault == KubeFault::kBroken) return Answered(500, call);
  const std::pair question{
      kind, options.name_space + "|" + options.label_selector + "|" + options.field_selector};
  if (fault == KubeFault::kStale) {
    if (const auto seen = seen_lists_.find(question); seen != seen_lists_.end())
      return seen->second;
  }
  Result<kube::ObjectList> answer = inner_.List(kind, options, deadline);
  if (answer) seen_lists_[question] = *answer;
  return answer;
}

Result<Object> FaultyKubeApi::Create(const ResourceKind& kind, const ObjectRef& ref,
                                     const std::string& json, Deadline deadline) {
  return Write<Result<Object>>({.verb = "create", .kind = kind, .ref = ref},
                               [&] { return inner_.Create(kind, ref, json, deadline); });
}

Result<Object> FaultyKubeApi::Replace(const ResourceKind& kind, const ObjectRef& ref,
                                      const std::string& json, const std::string& subresource,
                                      Deadline deadline) {
  return Write<Result<Object>>({.verb = "replace", .kind = kind, .ref = ref}, [&] {
    return inner_.Replace(kind, ref, json, subresource, deadline);
  });
}

Result<Object> FaultyKubeApi::Apply(const ResourceKind& kind, const ObjectRef& ref,
                                    const std::string& json, const kube::ApplyOptions& options,
                                    Deadline deadline) {
  return Write<Result<Object>>({.verb = "apply", .kind = kind, .ref = ref},
                               [&] { return inner_.Apply(kind, ref, json, options, deadline); });
}

Result<Object> FaultyKubeApi::Patch(const ResourceKind& kind, const ObjectRef& ref,
                                    const std::string& merge_patch,
                                    const kube::PatchOptions& options, Deadline deadline) {
  return Write<Result<Object>>({.verb = "patch", .kind = kind, .ref = ref}, [&] {
    return inner_.Patch(kind, ref, merge_patch, options, deadline);
  });
}

Status FaultyKubeApi::Delete(const ResourceKind& kind, const ObjectRef& ref,
                             const kube::DeleteOptions& options, Deadline deadline) {
  return Write<Status>({.verb = "delete", .kind = kind, .ref = ref},
                       [&] { return inner_.Delete(kind, ref, options, deadline); });
}

Status FaultyKubeApi::Evict(const ObjectRef& pod, Deadline deadline) {
  return Write<Status>({.verb = "evict", .kind = kube::kPods, .ref = pod},
                       [&] { return inner_.Evict(pod, deadline); });
}

Status FaultyKubeApi::Watch(const ResourceKind& kind, const kube::WatchOptions& options,
                            const std::function<bool(const kube::WatchEvent&)>& on_event,
                            std::stop_token stop) {
  const ObjectRef where{.name_space = options.name_space, .name = ""};
  const KubeCall call{.verb = "watch", .kind = kind, .ref = where};
  const KubeFault fault = decide_(call);
  if (fault == KubeFault::kFailBefore) return NotSent(call);
  if (fault == KubeFault::kStale)
    return kube::HttpError(410, kube::Describe("watch", kind, where), "injected fault");
  Status ended = inner_.Watch(kind, options, on_event, std::move(stop));
  if (fault == KubeFault::kFailAfter) return AnswerLost(call);
  return ended;
}

}  // namespace foreshard::fakes
