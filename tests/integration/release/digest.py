#!/usr/bin/env python3
"""deploy/release/digest: what changes the number of an image, and what does not."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
START = {"architecture": "amd64", "config": {"Entrypoint": ["/bin/a"], "User": "65532"}, "created": "2026-01-01T00:00:00Z",
         "history": [{"created": "2026-01-01T00:00:00Z"}]}


def add(tar, name, data=b"", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(data))


def packed(files):
    """files: (name, data, fields) each."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, fields in files:
            add(tar, name, content, **fields)
    return data.getvalue()


BASE = [("etc", b"", {"type": tarfile.DIRTYPE, "mode": 0o755}), ("etc/a", b"text", {"mtime": 7}),
        ("etc/b", b"", {"type": tarfile.SYMTYPE, "linkname": "a"}), ("etc/c", b"c", {})]


class Digest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "image.tar")

    def run_digest(self, *words):
        return subprocess.run([sys.executable, str(ROOT / "deploy/release/digest"), *words, self.path], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)

    def digest(self, *layers, start=None):
        """Of an image of these layers; each a list of files."""
        names = ["%d.tar" % number for number in range(len(layers))]
        manifest = [{"Config": "config.json", "RepoTags": ["localhost/x:1"], "Layers": names}]
        with tarfile.open(self.path, "w") as tar:
            for name, files in zip(names, layers):
                add(tar, name, packed(files))
            add(tar, "config.json", json.dumps(start or START).encode())
            add(tar, "manifest.json", json.dumps(manifest).encode())
        done = self.run_digest()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^sha256:[0-9a-f]{64} localhost/x:1\n$")
        return done.stdout

    def test_times_and_the_cut_into_layers_do_not_count(self):
        first = self.digest(BASE)
        later = [(name, data, {**fields, "mtime": 99}) for name, data, fields in BASE]
        self.assertEqual(self.digest(later), first)
        self.assertEqual(self.digest(later[::-1]), first)
        self.assertEqual(self.digest(BASE[:2], BASE[2:]), first)
        self.assertEqual(self.digest(BASE, start={**START, "created": "2027-01-01T00:00:00Z", "history": []}), first)

    def test_all_else_does(self):
        seen = {self.digest(BASE)}
        changes = ((1, b"tex_", {}), (1, b"text", {"mode": 0o600}), (1, b"text", {"uid": 9}), (1, b"text", {"gid": 9}),
                   (1, b"text", {"pax_headers": {"SCHILY.xattr.security.capability": "x"}}),
                   (2, b"", {"type": tarfile.SYMTYPE, "linkname": "c"}), (2, b"", {"type": tarfile.LNKTYPE, "linkname": "etc/a"}),
                   (2, b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}), (2, b"", {"type": tarfile.FIFOTYPE}))
        for place, data, fields in changes:
            files = list(BASE)
            files[place] = (files[place][0], data, fields)
            seen.add(self.digest(files))
        seen.add(self.digest(BASE[:3]))
        seen.add(self.digest(BASE, [("etc/d", b"", {})]))
        seen.add(self.digest(BASE, start={**START, "config": {**START["config"], "User": "0"}}))
        self.assertEqual(len(seen), len(changes) + 4, "two of them are taken for the same")

    def test_what_an_upper_layer_removes_or_replaces_is_gone(self):
        self.assertEqual(self.digest(BASE + [("etc/d", b"x", {})], [("etc/.wh.d", b"", {})]), self.digest(BASE))
        self.assertEqual(self.digest(BASE + [("old/x/y", b"", {})], [(".wh.old", b"", {})]), self.digest(BASE))
        self.assertEqual(self.digest([("etc/z", b"", {})], BASE + [("etc/.wh..wh..opq", b"", {})]), self.digest(BASE))
        changed = BASE[:1] + [("etc/a", b"other", {})] + BASE[2:]
        self.assertEqual(self.digest(BASE, changed[1:2]), self.digest(changed))

    def test_the_list_tells_two_images_apart_by_path(self):
        self.digest(BASE)
        first = self.run_digest("--list").stdout.splitlines()
        self.digest(BASE[:1] + [("etc/a", b"other", {})] + BASE[2:])
        second = self.run_digest("--list").stdout.splitlines()
        self.assertEqual([one.split()[0] for one in first if one not in second][:-1], ['"etc/a"'])

    def test_a_file_that_is_no_image_is_an_error(self):
        with open(self.path, "wb") as file:
            file.write(packed(BASE))
        done = self.run_digest()
        self.assertEqual(done.returncode, 1)
        self.assertIn("is no archive of an image", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
