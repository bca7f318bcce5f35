"""What JSON objects are made of: the kinds of things, their keys, and how prose tells of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .common import Draw
from .tool_catalogue import CHORES, DISHES, EVENTS, HOME, clock, filled
from .words import (
    ADJECTIVES,
    ANIMALS,
    CAPITALS,
    CITIES,
    COLOURS,
    COUNTRIES,
    DAYS,
    FOODS,
    NAMES,
    PROFESSIONS,
    THINGS,
    TRAITS,
    capitalized,
)

Value = str | int | float | bool | list[str]


@dataclass(frozen=True)
class Key:
    """A field of a kind of thing."""

    names: tuple[str, ...]
    """What it may be called; the first is by far the most frequent, and the gap's name in the clauses."""
    draw: Callable[[Draw], Value]
    clauses: tuple[str, ...] = ()
    """What follows "Anna" or "The book" in a sentence. Without clauses the key is told by another's."""
    false: tuple[str, ...] = ()
    """The clauses if the value is False."""


@dataclass(frozen=True)
class Kind:
    """A kind of thing. Its first key is the one that names it, if ``subject`` has a gap for that."""

    name: str
    subject: str
    again: str
    """The subject of a second sentence."""
    keys: tuple[Key, ...]
    first: int = 1
    """How many of the keys the subject itself tells."""


TITLES = (
    *(
        "The {adjective} {thing}",
        "The {color} {animal}",
        "A {thing} in {city}",
        "The {animal} and the {thing}",
    ),
    *("{name} and the {animal}", "A {color} {thing}", "The {animal} of {city}", "{name} in {country}"),
)


COUNTRY_OF = {city: country for country, city in CAPITALS.items()}


def of(words: tuple[str, ...]) -> Callable[[Draw], Value]:
    return lambda draw: draw.choice(words)


def whole(low: int, high: int, step: int = 1) -> Callable[[Draw], Value]:
    return lambda draw: draw.randrange(low, high + 1, step)


def decimal(low: int, high: int) -> Callable[[Draw], Value]:
    """Numbers with one decimal."""
    return lambda draw: (draw.randrange(low * 10, high * 10) // 10) + draw.randint(1, 9) / 10


def members(words: tuple[str, ...]) -> Callable[[Draw], Value]:
    return lambda draw: draw.sample(words, draw.randint(2, 4))


def coin(draw: Draw) -> Value:
    return draw.random() < 0.5


def chore(draw: Draw) -> Value:
    return capitalized(filled(draw, draw.choice(CHORES)))


def title(draw: Draw) -> Value:
    return filled(draw, draw.choice(TITLES))


def mail(draw: Draw) -> Value:
    return f"{draw.choice(NAMES).lower()}@{draw.choice(CITIES).lower()}.com"


NAME = Key(("name", "first_name", "person"), of(NAMES))
CITY = Key(("city", "town", "place"), of(CITIES), ("lives in {city}", "comes from {city}", "is from {city}"))
COLOR = Key(("color", "colour"), of(COLOURS), ("is {color}", "has the color {color}"))
SINGERS = ("guitar", "flute", "violin", "drum")

KINDS = (
    Kind(
        "person",
        "{name}",
        "{name}",
        (
            NAME,
            Key(("age", "years"), whole(5, 90), ("is {age}", "is {age} years old", "has the age {age}")),
            CITY,
            Key(("job", "profession"), of(PROFESSIONS), ("works as a {job}", "is a {job}")),
            Key(("likes", "hobby"), of(FOODS), ("likes {likes}", "loves {likes}")),
        ),
    ),
    Kind(
        "book",
        'The book "{title}"',
        "It",
        (
            Key(("title", "book"), title),
            Key(("author", "writer"), of(NAMES), ("is by {author}", "was written by {author}")),
            Key(("year", "published"), whole(1900, 2025), ("is from {year}", "appeared in {year}")),
            Key(("pages", "length"), whole(20, 900), ("has {pages} pages",)),
        ),
    ),
    Kind(
        "product",
        "The {name}",
        "It",
        (
            Key(("name", "product"), of(THINGS)),
            Key(
                ("price", "cost"), decimal(1, 99), ("costs {price} dollars", "has a price of {price} dollars")
            ),
            COLOR,
            Key(("stock", "count"), whole(1, 500), ("is in stock {stock} times", "has a stock of {stock}")),
            Key(("available", "in_stock"), coin, ("is available",), ("is not available",)),
        ),
    ),
    Kind(
        "animal",
        "The {animal}",
        "It",
        (
            Key(("animal", "name"), of(ANIMALS)),
            Key(("legs", "feet"), whole(2, 8, 2), ("has {legs} legs",)),
            COLOR,
            Key(("weight", "kilos"), whole(1, 500), ("weighs {weight} kilos",)),
            Key(("food", "eats"), of(FOODS), ("eats {food}", "likes {food}")),
        ),
    ),
    Kind(
        "city",
        "{name}",
        "The city",
        (
            Key(("name", "city"), of(tuple(COUNTRY_OF))),
            Key(("country", "nation"), of(COUNTRIES), ("lies in {country}", "is a city in {country}")),
            Key(
                ("population", "inhabitants"),
                whole(100_000, 9_000_000, 100_000),
                ("has {population} inhabitants", "has a population of {population}"),
            ),
            Key(("river", "has_river"), coin, ("has a river",), ("has no river",)),
        ),
    ),
    Kind(
        "event",
        'The event "{title}"',
        "It",
        (
            Key(("title", "event", "name"), of(EVENTS)),
            Key(("day", "date"), of(DAYS), ("is on {day}", "takes place on {day}")),
            Key(("time", "start"), clock, ("starts at {time}", "begins at {time}")),
            Key(("place", "city"), of(CITIES), ("is in {place}", "takes place in {place}")),
            Key(("guests", "people"), whole(2, 90), ("has {guests} guests",)),
        ),
    ),
    Kind(
        "order",
        "{name}",
        "{name}",
        (
            Key(("name", "customer"), of(NAMES)),
            Key(("count", "quantity"), whole(2, 20)),
            Key(("food", "item", "dish"), of(DISHES), ("orders {count} {food}", "wants {count} {food}")),
            Key(("table", "table_number"), whole(1, 40), ("sits at table {table}", "has table {table}")),
            Key(("paid", "has_paid"), coin, ("has paid",), ("has not paid",)),
        ),
    ),
    Kind(
        "pet",
        "{name}",
        "{name}",
        (
            Key(("name", "pet"), of(NAMES)),
            Key(("animal", "species", "kind"), of(ANIMALS), ("is a {animal}", "is a pet {animal}")),
            Key(("age", "years"), whole(2, 20), ("is {age} years old", "is {age}")),
            COLOR,
            Key(("owner", "person"), of(NAMES), ("belongs to {owner}",)),
        ),
    ),
    Kind(
        "car",
        "The {brand}",
        "The car",
        (
            Key(
                ("brand", "make", "car"),
                of(("Toyota", "Ford", "Fiat", "Volvo", "Tesla", "Honda", "Audi", "Seat")),
            ),
            COLOR,
            Key(("year", "built"), whole(1980, 2026), ("was built in {year}", "is from {year}")),
            Key(("doors", "door_count"), whole(2, 5), ("has {doors} doors",)),
            Key(("price", "cost"), whole(500, 40000, 100), ("costs {price} dollars",)),
        ),
    ),
    Kind(
        "movie",
        'The movie "{title}"',
        "It",
        (
            Key(("title", "movie", "name"), title),
            Key(("director", "maker"), of(NAMES), ("is by {director}", "was made by {director}")),
            Key(("year", "released"), whole(1930, 2025), ("came out in {year}", "is from {year}")),
            Key(
                ("rating", "score", "stars"),
                decimal(1, 9),
                ("has a rating of {rating}", "has the rating {rating}"),
            ),
            Key(
                ("minutes", "length"),
                whole(70, 200),
                ("is {minutes} minutes long", "lasts {minutes} minutes"),
            ),
        ),
    ),
    Kind(
        "task",
        'The task "{title}"',
        "It",
        (
            Key(("title", "task", "name"), chore),
            Key(("done", "finished"), coin, ("is done",), ("is not done", "is not done yet")),
            Key(("day", "due"), of(DAYS), ("is due on {day}",)),
            Key(("person", "owner"), of(NAMES), ("belongs to {person}", "is for {person}")),
            Key(("urgent", "important"), coin, ("is urgent",), ("is not urgent",)),
        ),
    ),
    Kind(
        "contact",
        "{name}",
        "{name}",
        (
            NAME,
            Key(("phone", "number", "telephone"), whole(10000, 99999), ("has the phone number {phone}",)),
            Key(("email", "mail"), mail, ("has the email {email}", "has the email address {email}")),
            CITY,
        ),
    ),
    Kind(
        "room",
        "The {room}",
        "It",
        (
            Key(("room", "name"), of(HOME)),
            Key(("size", "area"), whole(5, 90), ("is {size} square meters big", "has {size} square meters")),
            Key(("windows", "window_count"), whole(2, 9), ("has {windows} windows",)),
            COLOR,
            Key(("warm", "heated"), coin, ("is warm",), ("is not warm",)),
        ),
    ),
    Kind(
        "team",
        "The {team} team",
        "It",
        (
            Key(("team", "name"), lambda draw: f"{draw.choice(COLOURS)} {draw.choice(ANIMALS)}"),
            Key(
                ("members", "names", "players"),
                members(NAMES),
                ("has the members {members}", "consists of {members}"),
            ),
            Key(("city", "town", "home"), of(CITIES), ("comes from {city}", "plays in {city}")),
            Key(("points", "score"), whole(2, 99), ("has {points} points",)),
        ),
    ),
    Kind(
        "point",
        "The point",
        "It",
        (
            Key(("x",), whole(-20, 99), ("has x = {x}", "has the x {x}")),
            Key(("y",), whole(-20, 99), ("has y = {y}", "has the y {y}")),
            Key(("z",), whole(-20, 99), ("has z = {z}", "has the z {z}")),
        ),
        first=0,
    ),
    Kind(
        "recipe",
        "The recipe for {dish}",
        "It",
        (
            Key(("dish", "name", "title"), of(FOODS)),
            Key(("minutes", "time"), whole(5, 120), ("takes {minutes} minutes", "needs {minutes} minutes")),
            Key(
                ("ingredients", "needs"), members(FOODS), ("needs {ingredients}", "is made of {ingredients}")
            ),
            Key(("people", "servings"), whole(2, 12), ("is for {people} people",)),
        ),
    ),
    Kind(
        "band",
        "{name}",
        "{name}",
        (
            NAME,
            Key(("instrument", "plays"), of(SINGERS), ("plays the {instrument}",)),
            Key(("mood", "character"), of(TRAITS), ("is {mood}", "feels {mood}")),
            Key(("friends", "knows"), members(NAMES), ("has the friends {friends}", "knows {friends}")),
        ),
    ),
)

FREE_KEYS: tuple[Key, ...] = (
    Key(("color",), of(COLOURS)),
    Key(("size",), whole(1, 99)),
    Key(("count",), whole(2, 500)),
    Key(("weight",), decimal(1, 99)),
    Key(("speed",), whole(1, 300)),
    Key(("price",), decimal(1, 99)),
    Key(("shape",), of(("round", "flat", "long", "square"))),
    Key(("day",), of(DAYS)),
    Key(("level",), whole(1, 20)),
    Key(("owner",), of(NAMES)),
    Key(("city",), of(CITIES)),
    Key(("mood",), of(ADJECTIVES)),
    Key(("score",), whole(0, 100)),
    Key(("time",), clock),
    Key(("animal",), of(ANIMALS)),
    Key(("thing",), of(THINGS)),
    Key(("height",), whole(1, 300)),
    Key(("age",), whole(1, 99)),
    Key(("status",), of(("new", "old", "open", "ready", "empty"))),
    Key(("active",), coin),
    Key(("code",), whole(100, 9999)),
)
"""The keys of things that have no kind: "The color is red, the size is 4."""
