#!/usr/bin/env python3
"""The habits of a release: one version everywhere, and bills of materials without holes."""

import importlib.machinery
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LOADER = importlib.machinery.SourceFileLoader("bill", os.path.join(ROOT, "deploy/release/bill"))
bill = importlib.util.module_from_spec(importlib.util.spec_from_loader("bill", LOADER))
sys.dont_write_bytecode = True
LOADER.exec_module(bill)

PROGRAMS = sys.argv.pop()  # the folder of what was built
FORMAL = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: %s\n"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def paragraph(name, version, state="install ok installed", **more):
    lines = ["Package: " + name, "Status: " + state, "Maintainer: Somebody <x@example.org>", "Architecture: amd64", "Version: " + version]
    return "\n".join(lines + ["%s: %s" % (key, value) for key, value in more.items()]) + "\n"


def layer(files):
    """files: path -> text, or ("->", target) for a link."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            if isinstance(text, tuple):
                member.type, member.linkname = tarfile.SYMTYPE, text[1]
                tar.addfile(member)
            else:
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


def archive(path, name, layers):
    with tarfile.open(path, "w") as tar:
        manifest = [{"RepoTags": [name], "Layers": ["%d.tar" % i for i in range(len(layers))]}]
        parts = {"manifest.json": json.dumps(manifest).encode(), **{"%d.tar" % i: data for i, data in enumerate(layers)}}
        for part, data in parts.items():
            member = tarfile.TarInfo(part)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


class Bill(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.root = os.path.join(self.folder, "root")  # the machine on which the image was made
        self.lower = layer({
            bill.STATUS: paragraph("libfoo1", "1.0-1", Source="foo (1.0-0)", Homepage="https://foo.example") + "\n" + paragraph("base", "3"),
            "usr/share/doc/libfoo1/copyright": FORMAL % "Expat", "usr/share/doc/base/copyright": "free text, GPL\n"})

    def machine(self, packages):
        for name in packages:
            os.makedirs(os.path.join(self.root, "usr/share/doc", name), exist_ok=True)
            with open(os.path.join(self.root, "usr/share/doc", name, "copyright"), "w", encoding="utf-8") as file:
                file.write(FORMAL % ("licence of " + name))
        os.makedirs(os.path.join(self.root, "var/lib/dpkg"), exist_ok=True)
        os.makedirs(os.path.join(self.root, "usr/share/doc"), exist_ok=True)
        with open(os.path.join(self.root, bill.STATUS), "w", encoding="utf-8") as file:
            file.write("\n".join(paragraph(name, "9") for name in packages))

    def run_bill(self, layers, name="localhost/foreshard-test:1", packages=()):
        self.machine(packages)
        path = os.path.join(self.folder, "image.tar")
        archive(path, name, layers)
        done = subprocess.run([sys.executable, os.path.join(ROOT, "deploy/release/bill"), "--root", self.root, "-o", self.folder, path],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
        return done.returncode, done.stderr

    def written(self, name="foreshard-test_1"):
        with open(os.path.join(self.folder, name + ".spdx.json"), encoding="utf-8") as file:
            spdx = json.load(file)
        with open(os.path.join(self.folder, name + ".notices.txt"), encoding="utf-8") as file:
            return {package["name"]: package for package in spdx["packages"]}, spdx, file.read()

    def test_the_upper_layer_wins_and_what_was_removed_is_gone(self):
        upper = layer({
            bill.STATUS: paragraph("libfoo1", "2.0-1", Source="foo") + "\n" + paragraph("base", "3", "deinstall ok config-files") + "\n"
            + paragraph("libfoo-tools", "2.0-1", Source="foo"),
            "usr/share/doc/.wh.base": "", "usr/share/doc/libfoo-tools": ("->", "libfoo1")})
        self.assertEqual(self.run_bill([self.lower, upper]), (0, ""))
        packages, _, notices = self.written()
        self.assertEqual(set(packages), {"localhost/foreshard-test:1", "libfoo1", "libfoo-tools"})
        self.assertEqual(packages["libfoo1"]["versionInfo"], "2.0-1")
        self.assertIn("foo 2.0-1", packages["libfoo1"]["sourceInfo"])
        self.assertIn("Expat", packages["libfoo-tools"]["licenseComments"])  # its documents are a link
        self.assertEqual(packages["libfoo1"]["externalRefs"][0]["referenceLocator"], "pkg:deb/debian/libfoo1@2.0-1?arch=amd64")
        self.assertIn("libfoo-tools 2.0-1\nlibfoo1 2.0-1\n", notices)  # one text for both
        self.assertNotIn("free text", notices)

    def test_each_package_is_contained_and_the_same_archive_makes_the_same_bytes(self):
        self.assertEqual(self.run_bill([self.lower])[0], 0)
        first = self.written()
        packages, spdx, _ = first
        contained = {one["relatedSpdxElement"] for one in spdx["relationships"] if one["relationshipType"] == "CONTAINS"}
        self.assertEqual(contained, {package["SPDXID"] for package in packages.values()} - {"SPDXRef-image"})
        self.assertEqual(spdx["creationInfo"]["created"], "1970-01-01T00:00:00Z")
        self.assertEqual(packages["libfoo1"]["homepage"], "https://foo.example")
        self.assertEqual(self.run_bill([self.lower])[0], 0)
        self.assertEqual(self.written(), first)

    def test_a_package_without_a_notice_is_an_error(self):
        code, said = self.run_bill([self.lower, layer({"usr/share/doc/libfoo1/.wh.copyright": ""})])
        self.assertEqual(code, 1)
        self.assertIn("no copyright file of libfoo1", said)

    def test_an_image_without_dpkg_and_a_file_that_is_no_image_are_errors(self):
        self.assertIn("has no dpkg", self.run_bill([layer({"bin/sh": "x"})])[1])
        path = os.path.join(self.folder, "no.tar")
        with open(path, "wb") as file:
            file.write(layer({"a": "b"}))
        with self.assertRaises(bill.Problem):
            bill.read_archive(path)

    def test_what_programs_were_compiled_with_is_in_the_bill_or_it_is_an_error(self):
        name = "localhost/foreshard-operator:1"
        code, said = self.run_bill([self.lower], name)
        self.assertEqual(code, 1)
        self.assertIn("which is not installed here", said)
        wanted = [line.split()[1] for line in read("deploy/release/linked.txt").splitlines() if line.startswith("operator ")]
        self.assertEqual(self.run_bill([self.lower], name, wanted), (0, ""))
        packages, _, notices = self.written("foreshard-operator_1")
        for one in wanted:
            self.assertIn("not known to the image's dpkg", packages[one]["comment"])
            self.assertIn("licence of " + one, notices)

    def test_dpkg_of_this_machine_is_read_as_dpkg_reads_it(self):
        query = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"], text=True, stdout=subprocess.PIPE, check=True)
        installed = {tuple(line.split()[1:]) for line in query.stdout.splitlines() if line.startswith("installed ")}
        ours = bill.packages_of(bill.read_root("/"))
        self.assertEqual({(package["name"], package["version"]) for package in ours.values()}, installed)


class Version(unittest.TestCase):
    def setUp(self):
        self.version = subprocess.run([os.path.join(ROOT, "deploy/release/version")], text=True, stdout=subprocess.PIPE, check=True).stdout.strip()

    def test_the_newest_section_of_the_changelog_is_of_this_version(self):
        self.assertRegex(self.version, r"^\d+\.\d+\.\d+$")
        sections = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.M)
        self.assertEqual(sections[0], self.version)
        self.assertEqual(len(sections), len(set(sections)))

    def test_every_program_of_the_images_and_the_plugin_tells_it(self):
        for name in ("foreshard-operator", "foreshard-router", "foreshard-mover", "foreshard-simulate", "foreshard-forecast",
                     "kubectl-foreshard"):
            said = subprocess.run([os.path.join(PROGRAMS, name), "--version"], text=True, stdout=subprocess.PIPE, check=True)
            self.assertEqual(said.stdout.strip(), f"{name} {self.version}")

    def test_header_only_libraries_of_the_build_are_in_the_list_of_what_is_linked(self):
        build = set(re.findall(r"^(\S+-dev)", read("deploy/packages/build.txt"), re.M))
        listed = {line.split()[1] for line in read("deploy/release/linked.txt").splitlines() if line and not line.startswith("#")}
        images = read("Dockerfile")
        for package in listed & build:
            runtime = package[:-len("-dev")]
            self.assertNotIn(" " + runtime, images, "the image has it as a package of its own")
        for package in ("nlohmann-json3-dev", "libcli11-dev", "libeigen3-dev"):
            self.assertIn(package, build & listed)


if __name__ == "__main__":
    unittest.main(verbosity=1)
