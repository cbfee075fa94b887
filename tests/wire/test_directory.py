# SPDX-License-Identifier: MIT
"""The current directory: the script's folder while it runs, the worker's before and after; whatever scripts do to it."""

import os

OUTSIDE = ("<?php register_shutdown_function(function () { echo '|', getcwd(); });"
           " class Late { function __destruct() { echo '|', getcwd(); } } $late = new Late; echo getcwd();")


def test_a_script_runs_in_its_folder_and_ends_outside(backend):
    root = os.path.join(backend.site.root, "here")
    path = backend.site.file("here/outside.php", OUTSIDE)
    for _ in range(2):
        assert backend.run(path, pool="one").text == f"{root}|/|/"
        assert backend.run(path, pool="surroundings").text == f"{root}|{backend.site.chdir}|{backend.site.chdir}"


def test_each_script_has_its_own_folder(backend):
    paths = [backend.site.file(f"{name}/where.php", "<?php echo getcwd();") for name in ("a", "b", "a")]
    for path in paths:
        assert backend.run(path, pool="one").text == os.path.dirname(path)


def test_a_directory_that_a_script_changes_ends_with_it(backend):
    path = backend.site.file("here/outside.php", OUTSIDE)
    away = backend.site.file("here/away.php", "<?php chdir('/tmp'); register_shutdown_function(function () { echo '|', getcwd(); }); echo getcwd();")
    root = os.path.dirname(path)
    for _ in range(2):
        assert backend.run(away, pool="one").text == "/tmp|/"
        assert backend.run(path, pool="one").text == f"{root}|/|/"


def test_relative_paths_are_the_scripts(backend):
    backend.site.file("near/data.txt", "near")
    backend.site.file("near/inc.php", "<?php return 'included';")
    path = backend.site.file("near/read.php", "<?php echo file_get_contents('data.txt'), ' ', include './inc.php', ' ', `cat data.txt`;")
    assert backend.run(path, pool="one").text == "near included near"


def test_a_link_that_leads_elsewhere_is_followed_at_once(backend):
    """A deployment: "current" is another release from one request to the next."""
    for name in ("1", "2"):
        backend.site.file(f"release-{backend.name}/{name}/where.php", "<?php echo getcwd();")
    releases = os.path.join(backend.site.root, f"release-{backend.name}")
    for name in ("1", "2", "1"):
        os.symlink(name, os.path.join(releases, "new"))
        os.rename(os.path.join(releases, "new"), os.path.join(releases, "current"))
        r = backend.run(os.path.join(releases, "current", "where.php"), pool="one")
        assert r.text == os.path.join(releases, name)


def test_a_folder_that_is_made_anew_is_entered_anew(backend):
    folder = os.path.join(backend.site.root, f"moving-{backend.name}")
    path = backend.site.file(f"moving-{backend.name}/where.php", "<?php echo getcwd(), fileinode('.') === fileinode(__DIR__) ? ' same' : ' other';")
    assert backend.run(path, pool="one").text == f"{folder} same"
    os.rename(folder, folder + "-old")
    os.mkdir(folder)
    os.link(os.path.join(folder + "-old", "where.php"), path)
    assert backend.run(path, pool="one").text == f"{folder} same"


def test_a_shutdown_function_leaves_no_directory_to_later_requests(backend):
    away = backend.site.file("here/late.php", "<?php register_shutdown_function(function () { chdir('/tmp'); echo getcwd(); });")
    path = backend.site.file("here/outside.php", OUTSIDE)
    root = os.path.dirname(path)
    assert backend.run(away, pool="one").text == "/tmp"
    late = "/tmp" if backend.reference("late-chdir") else "/"
    assert backend.run(path, pool="one").text == f"{root}|{late}|{late}"
    assert backend.run("<?php register_shutdown_function(function () { chdir('/'); echo getcwd(); });", pool="one").text == "/"


def test_a_folder_that_may_not_be_entered(both):
    path = both[0].site.file("closed/s.php", "<?php echo getcwd();")
    os.chmod(os.path.dirname(path), 0o700)
    answers = [(r.status, r.text) for r in (b.run(path, pool="one") for b in both)]
    os.chmod(os.path.dirname(path), 0o755)
    assert answers[0] == answers[1]
