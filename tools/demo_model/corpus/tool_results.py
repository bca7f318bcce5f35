"""What the tools answer, and what is said about it. Most of the module is one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .common import Draw
from .tool_catalogue import (
    ENDINGS,
    FILES,
    LENGTHS,
    MESSAGES,
    Tool,
    Value,
    clock,
    filled,
    listed,
    one_of,
    whole,
)
from .words import ADJECTIVES, CAPITALS, CITIES, COLOURS, NAMES, capitalized

Fact = Value | list[str]
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Finding:
    """Something that a result says."""

    keys: tuple[str, ...]
    """What a JSON result may call it. Sentences call it by the first."""
    draw: Callable[[Draw, Values], Fact]


@dataclass(frozen=True)
class Report:
    """How an answer tells of a result with certain findings. They are those in its gaps that are no arguments."""

    answer: str
    short: str
    texts: tuple[str, ...] = ()
    """Results that are no JSON."""


@dataclass(frozen=True)
class Result:
    """One result, drawn."""

    content: str
    answer: str
    short: str
    keywords: list[list[str]]


def free(draw_value: Callable[[Draw], Value]) -> Callable[[Draw, Values], Fact]:
    """A finding that depends on no argument."""
    return lambda draw, values: draw_value(draw)


def calculated(draw: Draw, values: Values) -> Fact:
    first, sign, second = str(values["expression"]).split()
    a, b = int(first), int(second)
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def exchanged(draw: Draw, values: Values) -> Fact:
    return round(float(values["amount"]) * draw.choice((0.5, 0.8, 0.9, 1.1, 1.2, 2.0)), 1)


def converted(draw: Draw, values: Values) -> Fact:
    return round(float(values["value"]) * LENGTHS[str(values["from"])] / LENGTHS[str(values["to"])], 1)


def price(draw: Draw) -> Value:
    return draw.choice((draw.randint(5, 999), draw.randint(50, 9999) / 10))


def files(draw: Draw, values: Values) -> Fact:
    return [f"{name}.{draw.choice(ENDINGS)}" for name in draw.sample(FILES, draw.randint(2, 4))]


def page(draw: Draw) -> Value:
    return filled(draw, draw.choice(PAGES))


SKIES = (
    "sunny",
    "cloudy",
    "rainy",
    "windy",
    "foggy",
    "clear",
    "snowy",
    "partly cloudy",
    "light rain",
    "stormy",
)
PAGES = (
    "The best {thing} is made in {country}",
    "{city} is a {adjective} city",
    "{name} sells a {color} {thing}",
    "A {animal} likes {food}",
    "The {thing} shop in {city} opens at {time}",
)
HEADLINES = (
    "{name} wins the race in {city}",
    "Heavy rain in {city}",
    "New museum opens in {city}",
    "{country} beats {city}",
    "{animal} found in {city}",
    "{name} is the new mayor of {city}",
    "{food} is getting cheaper",
)
STATES = ("shipped", "delivered", "delayed", "on its way", "being packed", "waiting", "lost", "ready")
FINE = (
    *('{"status": "ok"}', '{"success": true}', '{"status": "success"}', '{"result": "ok"}', '{"ok": true}'),
    *("ok", "done", "success", "OK", "Done.", "true"),
)
ERRORS = ("not found", "no connection", "not allowed", "timeout", "server is busy", "wrong name", "no data")
RESULT = ("result", "value", "answer", "output")

Entry = tuple[tuple[Finding, ...], tuple[Report, ...]]
RESULTS: Mapping[str, Entry] = {
    "weather": (
        (
            Finding(("temperature", "temp", "degrees", "temperature_c"), free(whole(-10, 38))),
            Finding(
                ("sky", "condition", "conditions", "weather", "description", "forecast"), free(one_of(SKIES))
            ),
        ),
        (
            Report(
                "It is {temperature} degrees and {sky} in {city}.",
                "{temperature} degrees, {sky}.",
                (
                    "{temperature} degrees, {sky}",
                    "{sky}, {temperature} degrees",
                    "{temperature}°C and {sky}",
                    "{sky}, {temperature}°C",
                    "{temperature} {sky}",
                    "{sky} {temperature}",
                    "It is {temperature} degrees and {sky}.",
                    "{city}: {temperature} degrees, {sky}",
                ),
            ),
            Report(
                "It is {temperature} degrees and {sky} in {city}.",
                "{temperature} degrees, {sky}.",
                ("{sky} and {temperature} degrees", "{temperature} degrees and {sky}"),
            ),
            Report(
                "It is {temperature} degrees in {city}.",
                "{temperature} degrees.",
                ("{temperature} degrees", "{temperature}°C", "{temperature}"),
            ),
            Report("It is {sky} in {city}.", "{sky}.", ("{sky}", "The weather is {sky}.")),
        ),
    ),
    "time": (
        (Finding(("time", "now", "local_time", "current_time"), free(clock)),),
        (Report("It is {time} in {city}.", "{time}.", ("{time}", "It is {time}.")),),
    ),
    "add": (
        (Finding(RESULT, lambda draw, values: int(values["a"]) + int(values["b"])),),
        (Report("{a} + {b} is {result}.", "{result}", ("{result}",)),),
    ),
    "multiply": (
        (Finding(RESULT, lambda draw, values: int(values["a"]) * int(values["b"])),),
        (Report("{a} * {b} is {result}.", "{result}", ("{result}",)),),
    ),
    "calculate": (
        (Finding(RESULT, calculated),),
        (Report("{expression} is {result}.", "{result}", ("{result}",)),),
    ),
    "currency": (
        (Finding((*RESULT, "amount", "converted"), exchanged),),
        (Report("{amount} {from} are {result} {to}.", "{result} {to}.", ("{result}",)),),
    ),
    "lengths": (
        (Finding((*RESULT, "converted"), converted),),
        (Report("{value} {from} are {result} {to}.", "{result} {to}.", ("{result}", "{result} {to}")),),
    ),
    "search": (
        (Finding(("title", "result", "text", "snippet"), free(page)),),
        (Report('I found this: "{title}".', '"{title}".', ("{title}", "1. {title}")),),
    ),
    "stock": (
        (Finding(("price", "value", "current_price", "usd"), free(price)),),
        (
            Report(
                "The price of {symbol} is {price} dollars.",
                "{price} dollars.",
                ("{price}", "{price} dollars"),
            ),
        ),
    ),
    "company": (
        (Finding(("price", "value", "current_price", "usd"), free(price)),),
        (
            Report(
                "The price of {company} is {price} dollars.",
                "{price} dollars.",
                ("{price}", "{price} dollars"),
            ),
        ),
    ),
    "population": (
        (
            Finding(
                ("population", "inhabitants", "people", "count"), free(whole(1_000_000, 99_000_000, 500_000))
            ),
        ),
        (
            Report(
                "{country} has {population} inhabitants.",
                "{population}.",
                ("{population}", "{population} people"),
            ),
        ),
    ),
    "capitals": (
        (Finding(("capital", "city", "name"), lambda draw, values: CAPITALS[str(values["country"])]),),
        (Report("The capital of {country} is {capital}.", "{capital}.", ("{capital}",)),),
    ),
    "person": (
        (
            Finding(("age", "years", "age"), free(whole(18, 90))),
            Finding(("city", "location", "town", "home"), free(one_of(CITIES))),
            Finding(("phone", "number", "telephone"), free(whole(10000, 99999))),
        ),
        (
            Report(
                "{name} is {age} years old and lives in {city}.",
                "{age} years old, lives in {city}.",
                ("{age} years old, {city}", "{name}, {age}, {city}"),
            ),
            Report("{name} lives in {city}.", "In {city}.", ("{name} lives in {city}", "{city}")),
            Report("{name} is {age} years old.", "{age} years old.", ("{age} years old",)),
            Report("The number of {name} is {phone}.", "{phone}.", ("phone {phone}", "Tel. {phone}")),
        ),
    ),
    "order": (
        (
            Finding(("status", "state", "order_status"), free(one_of(STATES))),
            Finding(
                ("day", "delivery", "arrives", "date"),
                free(one_of(("Monday", "Tuesday", "Friday", "Saturday"))),
            ),
        ),
        (
            Report(
                "Your order {order_id} is {status}.",
                "It is {status}.",
                ("{status}", "The order is {status}."),
            ),
            Report(
                "Your order {order_id} is {status} and comes on {day}.",
                "It is {status} and comes on {day}.",
                ("{status}, {day}",),
            ),
        ),
    ),
    "flight": (
        (
            Finding(("price", "cost", "dollars"), free(whole(40, 990, 10))),
            Finding(("departure", "time", "leaves"), free(clock)),
        ),
        (
            Report(
                "The flight from {from} to {to} costs {price} dollars.",
                "{price} dollars.",
                ("{price} dollars",),
            ),
            Report(
                "The flight from {from} to {to} leaves at {departure}.", "At {departure}.", ("{departure}",)
            ),
            Report(
                "The flight from {from} to {to} leaves at {departure} and costs {price} dollars.",
                "At {departure}, {price} dollars.",
                ("{departure}, {price} dollars",),
            ),
        ),
    ),
    "distance": (
        (Finding(("distance", "kilometers", "km", "distance_km"), free(whole(100, 9000))),),
        (
            Report(
                "It is {distance} kilometers from {from} to {to}.",
                "{distance} kilometers.",
                ("{distance} km", "{distance}", "{distance} kilometers"),
            ),
        ),
    ),
    "dice": (
        (
            Finding(
                ("result", "roll", "number", "value"),
                lambda draw, values: draw.randint(1, int(values["sides"])),
            ),
        ),
        (Report("You have rolled a {result}.", "{result}.", ("{result}",)),),
    ),
    "random": (
        (
            Finding(
                ("number", "result", "value", "random"),
                lambda draw, values: draw.randint(int(values["min"]), int(values["max"])),
            ),
        ),
        (Report("The number is {number}.", "{number}.", ("{number}",)),),
    ),
    "coin": (
        (Finding(("result", "side", "coin", "value"), free(one_of(("heads", "tails")))),),
        (Report("It is {result}.", "{result}.", ("{result}",)),),
    ),
    "now": (
        (Finding(("time", "now", "current_time"), free(clock)),),
        (Report("It is {time}.", "{time}.", ("{time}",)),),
    ),
    "open file": (
        (Finding(("text", "content", "data"), lambda draw, values: filled(draw, draw.choice(MESSAGES))),),
        (Report('The file {name} says: "{text}".', '"{text}".', ("{text}",)),),
    ),
    "list files": (
        (Finding(("files", "names", "entries"), files),),
        (Report("The folder {folder} has the files {files}.", "Files: {files}."),),
    ),
    "news": (
        (Finding(("headline", "title", "news"), lambda draw, values: filled(draw, draw.choice(HEADLINES))),),
        (Report('The news about {topic}: "{headline}".', '"{headline}".', ("{headline}",)),),
    ),
}
OF_ATTRIBUTE: Mapping[str, Callable[[Draw], Value]] = {
    "color": one_of(COLOURS),
    "owner": one_of(NAMES),
    "name": one_of(NAMES),
    "status": one_of((*STATES, *ADJECTIVES)),
    "size": one_of(("small", "medium", "large")),
}
"""What attributes are, if they aren't numbers."""


def has_result(tool: Tool) -> bool:
    """Whether anything is known about what the tool returns."""
    return bool(tool.done) or tool.topic in RESULTS or tool.topic.endswith(" of")


def entry_of(tool: Tool) -> Entry:
    if tool.topic in RESULTS:
        return RESULTS[tool.topic]
    attribute = tool.topic.split()[0]
    finding = Finding((attribute, *RESULT), free(OF_ATTRIBUTE.get(attribute, whole(1, 200))))
    answer = f"The {attribute} of the {{item}} is {{{attribute}}}."
    return (finding,), (Report(answer, f"{{{attribute}}}.", (f"{{{attribute}}}",)),)


def failure(draw: Draw) -> Result:
    error = draw.choice(ERRORS)
    content = draw.choice(
        ('{{"error": "{error}"}}', "Error: {error}", '{{"status": "error", "message": "{error}"}}')
    )
    return Result(
        content.format(error=error), f"Sorry, that did not work: {error}.", f"Error: {error}.", [[error]]
    )


def success(draw: Draw, tool: Tool, texts: Mapping[str, str]) -> Result:
    """Of a tool that only does something."""
    answer = tool.done.format(**texts)
    return Result(draw.choice(FINE), answer, "Done.", [[answer.rstrip(".")]])


def result(
    draw: Draw, tool: Tool, values: Values, texts: Mapping[str, str], json_only: bool = False
) -> Result:
    """What the tool returns for ``values``, which the request calls ``texts``."""
    if tool.done:
        return success(draw, tool, texts)
    findings, reports = entry_of(tool)
    report = reports[0] if json_only else draw.choice(reports)
    told = [finding for finding in findings if f"{{{finding.keys[0]}}}" in report.answer]
    facts = {finding.keys[0]: finding.draw(draw, values) for finding in told}
    words = dict(texts) | {key: as_text(fact) for key, fact in facts.items()}
    if report.texts and not json_only and draw.random() < 0.35:
        content = draw.choice(report.texts).format(**words)
    else:
        content = as_json(
            draw, {draw.choice(finding.keys): facts[finding.keys[0]] for finding in told}, values
        )
    keywords = [
        [part] for fact in facts.values() for part in (fact if isinstance(fact, list) else [str(fact)])
    ]
    return Result(content, report.answer.format(**words), capitalized(report.short.format(**words)), keywords)


def as_text(fact: Fact) -> str:
    return listed(fact) if isinstance(fact, list) else str(fact)


def as_json(draw: Draw, facts: Mapping[str, Fact], values: Values) -> str:
    """A JSON object, which now and then repeats the arguments; a single list may stand alone."""
    only = next(iter(facts.values()))
    if len(facts) == 1 and isinstance(only, list) and draw.random() < 0.5:
        return json.dumps(only)
    items = list(facts.items())
    draw.shuffle(items)
    if draw.random() < 0.3:
        items = [*((key, value) for key, value in values.items() if key not in facts), *items]
    return json.dumps(dict(items))
