# SPDX-License-Identifier: MIT
"""Two runs of this suite on one machine do not meet."""

import pytest

from container import Container

UNIT = "same.service"


@pytest.fixture
def neighbour():
    container = Container()
    try:
        container.create()
        container.boot()
        yield container
    finally:
        container.shutdown()


def control_group(container):
    """The processes of the unit by the container's own numbers, as its systemd sees them."""
    listed = container.run("systemd-cgls", "--no-pager", "-l", "-u", UNIT).stdout
    return [word for line in listed.splitlines()[1:] for word in line.replace("─", " ").split() if word.isdigit()]


def test_services_of_one_name_in_two_containers_are_two(bare_container, neighbour):
    both = (bare_container, neighbour)
    for container in both:
        container.run("systemd-run", "--quiet", f"--unit={UNIT}", "sleep", "infinity")
    try:
        assert [control_group(container) for container in both] == [[container.show(UNIT, "MainPID")] for container in both]
        bare_container.systemctl("stop", UNIT)
        assert bare_container.show(UNIT, "ActiveState") == "inactive"
        assert neighbour.show(UNIT, "ActiveState") == "active"
    finally:
        for container in both:
            container.systemctl("stop", UNIT, check=False)
