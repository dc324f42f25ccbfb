"""What is in the images: read from the archives that deploy/images/build wrote, without running them."""

import json
import os
import re
import tarfile

from support import check, equal

MEGABYTE = 1_000_000
UNPACKED_MAX = {"operator": 200 * MEGABYTE, "router": 200 * MEGABYTE, "mover": 200 * MEGABYTE}  # the others hold a database each
NAMES = ("operator", "router", "mover", "postgres", "prometheus")
COMPILERS = {"cc1", "cc1plus", "gcc", "g++", "cc", "c++", "clang", "ld", "as", "make", "cmake"}
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")
LABELS = ("title", "description", "version", "licenses")


def folder():
    cache = os.environ.get("FORESHARD_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "foreshard")
    return os.path.join(cache, "images")


def read(name):
    """(configuration, unpacked bytes, compilers found, private keys found) of one image."""
    with tarfile.open(os.path.join(folder(), "foreshard-%s_dev.tar" % name)) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        configuration = json.load(archive.extractfile(manifest["Config"]))["config"]
        size, compilers, keys = 0, [], []
        for layer in dict.fromkeys(manifest["Layers"]):
            with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                for file in files:
                    size += file.size if file.isfile() else 0
                    if (file.isfile() or file.issym()) and os.path.basename(file.name) in COMPILERS and "bin" in file.name.split("/"):
                        compilers.append(file.name)
                    if file.isfile() and file.size < 100_000 and PRIVATE_KEY.search(files.extractfile(file).read()):
                        keys.append(file.name)
    return configuration, size, compilers, keys


def contents(_):
    for name in NAMES:
        configuration, size, compilers, keys = read(name)
        user = configuration.get("User", "").split(":")[0]
        check(user.isdigit() and int(user) > 0, "%s runs as a number that is not root" % name, configuration.get("User"))
        labels = configuration.get("Labels") or {}
        missing = [label for label in LABELS if not labels.get("org.opencontainers.image." + label)]
        equal(missing, [], "OCI labels that %s lacks" % name)
        equal(compilers, [], "compilers in %s" % name)
        equal(keys, [], "private keys in %s, which everybody has who has the image" % name)
        check(size <= UNPACKED_MAX.get(name, 10**12), "%s is small enough: %d MB" % (name, size // MEGABYTE), size)
