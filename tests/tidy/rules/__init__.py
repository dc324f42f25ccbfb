"""All rules, by name. A rule is a function from a Tree to violations."""

from . import behaviours, calls, documents, includes, metrics, runbooks, sizes, sources, switches, tests

ALL = {
    "layers": includes.layers,
    "detail": includes.detail,
    "homes": includes.homes,
    "own-header-first": includes.own_header_first,
    "calls": calls.calls,
    "default-in-switch": switches.default_in_switch,
    "unordered-iteration": switches.unordered_iteration,
    "file-size": sizes.file_size,
    "line-length": sizes.line_length,
    "function-size": sizes.function_size,
    "words": documents.words,
    "readme": documents.readme,
    "adr": documents.adr,
    "links": documents.links,
    "machine-path": documents.machine_path,
    "secret": documents.secret,
    "mirrored-test": sources.mirrored_test,
    "named-in-cmake": sources.named_in_cmake,
    "test-asserts": tests.test_asserts,
    "test-disabled": tests.test_disabled,
    "behaviours": behaviours.behaviours,
    "metric-exported": metrics.metric_exported,
    "alert-runbook": metrics.alert_runbook,
    "reason-runbook": runbooks.reason_runbook,
}
