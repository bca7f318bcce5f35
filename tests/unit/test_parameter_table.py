"""docs/parameters.md is what the table of parameters says."""

from __future__ import annotations

import re

import pytest

from oaikit.sampling import PARAMETERS, UNSET, Parameter
from tools import parameter_table

PAGE = parameter_table.TARGET.read_text()


def test_the_page_is_up_to_date() -> None:
    assert parameter_table.document() == PAGE, "run: python tools/parameter_table.py"


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_the_page_has_every_parameter(parameter: Parameter) -> None:
    lines = [
        line
        for line in PAGE.splitlines()
        if line.startswith((f"| `{parameter.name}` |", f"- `{parameter.name}`:"))
    ]
    assert len(lines) == sum(row.name == parameter.name for row in PARAMETERS)
    assert any(parameter.help.replace("<", "&lt;").replace("|", "\\|") in line for line in lines)
    if parameter.default is not UNSET and parameter.default is not None:
        assert f"| `{str(parameter.default).lower()}` |" in lines[0]


def test_every_row_has_as_many_cells_as_the_head() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len(rows) > len(PARAMETERS) / 2
