"""The algebra of what a sweep tries."""

from __future__ import annotations

import pytest

from oaikit.errors import InvalidRequestError
from oaikit.experiments.design.space import Named, Space, grid, label_of, named, value_of, zip


def points(space: Space) -> list[dict[str, object]]:
    return [dict(point) for point in space]


def test_a_grid_has_every_combination_the_last_axis_fastest() -> None:
    assert points(grid(a=[1, 2], b=["x", "y"])) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_one_value_needs_no_list_and_a_text_is_one_value() -> None:
    assert points(grid(a=1, system="terse", stop=[["\n"]])) == [{"a": 1, "system": "terse", "stop": ["\n"]}]


def test_a_zip_goes_side_by_side() -> None:
    assert points(zip(a=[1, 2], b=range(2))) == [{"a": 1, "b": 0}, {"a": 2, "b": 1}]
    with pytest.raises(InvalidRequestError, match="a has 1, b has 2"):
        zip(a=[1], b=[1, 2])


def test_a_product_combines_and_refuses_the_same_axis_twice() -> None:
    space = grid(a=[1, 2]) * zip(b=[3, 4], c=[5, 6])
    assert space.axes == ["a", "b", "c"]
    assert len(space) == 4
    assert points(space)[1] == {"a": 1, "b": 4, "c": 6}
    with pytest.raises(InvalidRequestError, match="'a'") as caught:
        space * grid(a=[9])
    assert caught.value.param == "a"


def test_a_union_has_each_point_once_and_may_lack_axes() -> None:
    space = grid(a=[1, 2]) + grid(a=[2, 3]) + grid(b=1)
    assert points(space) == [{"a": 1}, {"a": 2}, {"a": 3}, {"b": 1}]
    assert points(grid(a=[1, True, 1.0, 1])) == [{"a": 1}, {"a": True}, {"a": 1.0}]


def test_where_is_asked_by_the_names_of_axes() -> None:
    space = grid(a=[1, 2, 3], b=[1, 2, 3])
    assert len(space.where(lambda a, b: a < b)) == 3
    assert len(space.where(lambda **point: point["a"] == 1)) == 3
    assert points((grid(a=1) + grid(b=2)).where(lambda b: b is None)) == [{"a": 1}]
    with pytest.raises(InvalidRequestError, match="'c' is no axis"):
        space.where(lambda c: c)


def test_a_sample_is_seeded_and_keeps_the_order() -> None:
    space = grid(a=range(100))
    drawn = [point["a"] for point in space.sample(10, seed=1)]
    assert drawn == sorted(drawn)
    assert drawn == [point["a"] for point in space.sample(10, seed=1)]
    assert drawn != [point["a"] for point in space.sample(10, seed=2)]
    assert len(space.sample(1000)) == 100


def test_named_values_are_sent_and_shown_differently() -> None:
    (point,) = grid(system=named(terse="You are terse."))
    assert point["system"] == Named("terse", "You are terse.")
    assert (value_of(point["system"]), label_of(point["system"])) == ("You are terse.", "terse")
    assert len(grid(system=named(a="x", b="x")).where(lambda system: system == "x")) == 2


def test_an_axis_needs_values() -> None:
    with pytest.raises(InvalidRequestError, match="'a' has no values"):
        grid(a=[])
    assert points(grid()) == [{}]
