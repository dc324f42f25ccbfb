#!/usr/bin/env python3
"""make_api.py [--check]: writes docs/api.md from crds/*.yaml, or says that it differs."""

import glob
import os
import sys

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = """# The four kinds

Written from `crds/` by `docs/make_api.py`; a test fails when they differ. `kubectl explain shardset.spec` says the same. Complete objects to start
from: [deploy/examples](../deploy/examples/README.md). `[]` after a name: a list.
"""


def kind_of(schema):
    if "enum" in schema:
        return " ".join("`%s`" % value if value != "" else "empty" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    return schema.get("format") or schema.get("type", "object")


def told(schema):
    text = schema.get("description", "").replace("|", "\\|").replace("\n", " ")
    if "default" in schema:
        default = schema["default"]
        text += " Default: %s." % ("empty" if default in ("", [], {}) else "`%s`" % str(default).replace("True", "true").replace("False", "false"))
    return text


def rows(schema, prefix):
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        item = field.get("items", {}) if field.get("type") == "array" else None
        shown = prefix + name + ("[]" if item is not None else "")
        yield "| `%s` | %s%s | %s |" % (shown, kind_of(item if item else field), ", required" if name in required else "", told(field))
        inner = item if item is not None else field
        if inner.get("properties"):
            yield from rows(inner, shown + ".")


def page():
    text = HEAD
    for path in sorted(glob.glob(os.path.join(ROOT, "crds/*.yaml"))):
        with open(path, encoding="utf-8") as file:
            crd = yaml.safe_load(file)["spec"]
        names = crd["names"]
        version = crd["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]
        text += "\n## %s\n\n`%s`, short %s. %s\n" % (
            names["kind"], names["plural"], ", ".join("`%s`" % name for name in names.get("shortNames", [])), schema.get("description", ""))
        for part in ("spec", "status"):
            fields = schema["properties"].get(part)
            if fields and fields.get("properties"):
                text += "\n| field of %s | type | what |\n|---|---|---|\n%s\n" % (part, "\n".join(rows(fields, part + ".")))
    return text


def main():
    path = os.path.join(ROOT, "docs/api.md")
    made = page()
    if "--check" in sys.argv:
        now = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        if now != made:
            print("docs/api.md is not what crds/ say; run docs/make_api.py")
        return int(now != made)
    with open(path, "w", encoding="utf-8") as file:
        file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
