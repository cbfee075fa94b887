# SPDX-License-Identifier: MIT
"""The image, made once by tools/oci and unpacked; a container for each test.

FPMD_IMAGE names an OCI layout that tools/oci has made before: then none is made."""

import os
import subprocess
from pathlib import Path

import pytest

from box import Box, find_runtime

ROOT = Path(__file__).resolve().parents[2]


def why_not():
    if os.geteuid() != 0:
        return "the image's root is made by root"
    if not find_runtime():
        return "neither runc nor crun is installed"
    return None


def pytest_collection_modifyitems(items):
    reason = why_not()
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    if "FPMD_IMAGE" in os.environ:
        return Path(os.environ["FPMD_IMAGE"])
    made = tmp_path_factory.mktemp("oci") / "image"
    done = subprocess.run([ROOT / "tools/oci", "--no-install", made], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    return made


@pytest.fixture(scope="session")
def bundle(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    subprocess.run(["umoci", "unpack", "--image", f"{image}:latest", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
def box(bundle, tmp_path):
    """box(...) -> a Box that has not been started."""
    made = []
    tmp_path.chmod(0o755)

    def build(**how):
        folder = tmp_path / f"box{len(made)}"
        folder.mkdir()
        made.append(Box(bundle, folder, **how))
        return made[-1]
    yield build
    for b in made:
        b.end()
        if b.process:
            print(b.out(), b.err(), sep="\n")
