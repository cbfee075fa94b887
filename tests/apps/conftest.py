# SPDX-License-Identifier: MIT
"""Applications of Debian's packages: the same visits under php-fpm, under fpmd, and in both of its worker modes."""

import os

import pytest

import server as programs


pytest.register_assert_rewrite("visits")


@pytest.fixture(scope="session", autouse=True)
def built():
    programs.must_be_built(programs.FPMD, programs.FPMCTL)
    assert programs.php_fpm(), "no /usr/sbin/php-fpm8.*: install php-fpm, the reference of this suite"


@pytest.fixture(scope="session", autouse=True)
def frameworks():
    for path in ("Symfony/Bundle/FrameworkBundle", "Symfony/Bundle/SecurityBundle", "Symfony/Component/Form", "Doctrine/ORM", "Illuminate/Foundation"):
        assert os.path.exists(f"/usr/share/php/{path}"), f"no /usr/share/php/{path}: install packages_apps of tools/lib/packages.sh"
