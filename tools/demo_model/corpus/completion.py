"""Texts with no roles, for ``/v1/completions``: English and small Python functions. And requests for code."""

from __future__ import annotations

from .code_samples import FUNCTIONS, SCRIPTS, Function, Script
from .common import Check, Draw, Example, assistant, exchange
from .everyday import EXAMINED_FACTS, EXAMINED_ROWS, FACTS, PROVERBS, ROWS
from .phrasing import typed
from .stories import MEALS, cast_of, tell
from .words import (
    BUILDINGS,
    CITIES,
    COLOURS,
    DAYS,
    FOODS,
    LAND_ANIMALS,
    NAMES,
    OUTDOORS,
    PLACES,
    PROFESSIONS,
    QUALITIES,
    ROOMS,
    THINGS,
    TRAITS,
    with_article,
)

STATEMENTS = (
    "The {trait} {animal} {does} in the {outdoor}.",
    "The {color} {thing} is in the {room}.",
    "{name} lives in {city} and works as {a_profession}.",
    "{name} has {a_trait} {animal} called {friend}.",
    "{name} likes {food}, but {friend} likes {meal}.",
    "In the {place} there is {a_color} {thing}.",
    "Every {day} {name} goes to the {building}.",
    "Behind the {building} there is {a_look} {outdoor}.",
    "It is {weather} in {city} today.",
    "{name} and {friend} are good friends.",
    "The {animal} is {trait}, and the {animal2} is {trait2}.",
    "{name} goes to {city} by train.",
    "On {day} {name} eats {meal} with {friend}.",
    "The {profession} has {a_quality} {thing}.",
    "The old river runs past {a_look} {building}.",
    "{name} looks for the {thing} in the {room}.",
    "There are two {color} birds in the {outdoor}.",
    "The {building} is {look}, and the {outdoor} is {look2}.",
    "{name} gives the {animal} some {meal}.",
    "A road leads from the {building} to the {outdoor}.",
    "In the morning the {profession} drinks tea in the {room}.",
    "The {profession} and the {profession2} talk about the {thing}.",
)
LOOKS = ("old", "quiet", "small", "big", "beautiful", "lovely", "new", "strange")
ACTIONS = ("sleeps", "sits", "waits", "plays", "eats", "lives")
WEATHER = ("sunny", "cold", "warm", "rainy", "windy", "cloudy", "hot")

CODE_REQUESTS = (
    "Write a Python function that {does}.",
    "Write a Python function to {task}.",
    "How do I {task} in Python?",
    "Show me Python code to {task}.",
    "Can you write a Python function that {does}?",
    "I need a Python function that {does}.",
    "Give me a Python function to {task}.",
    "Please write a Python function to {task}.",
    "Python function to {task}",
    "Write a function in Python that {does}.",
    "Define a Python function {name} that {does}.",
    "Write a Python function called {name} that {does}.",
    "Write {name} in Python. It {does}.",
    "Write code that {does}.",
    "Implement {name} in Python: it {does}.",
)
SCRIPT_REQUESTS = (
    "How do I {task} in Python?",
    "Write Python code to {task}.",
    "Show me how to {task} in Python.",
    "Python code to {task}",
    "Can you {task} in Python?",
    "Show me Python code to {task}.",
    "Please {task} in Python.",
    "I want to {task} in Python.",
    "Use Python to {task}.",
    "Give me Python code to {task}.",
)


def prose(draw: Draw) -> Example:
    """A story, or a few sentences of one kind."""
    kind = draw.choices((story, statements, facts, row, proverbs), (30, 25, 25, 14, 6))[0]
    text = kind(draw) if kind in BY_HEART else draw.operands(lambda: kind(draw))
    return Example("text completion", (), assistant(text), Check("ends"))


def story(draw: Draw) -> str:
    return tell(draw, cast_of(draw))


def statements(draw: Draw) -> str:
    return " ".join(statement(draw) for _ in range(draw.randint(2, 5)))


def statement(draw: Draw) -> str:
    name, friend = draw.sample(NAMES, 2)
    trait, trait2 = draw.sample(TRAITS, 2)
    look, look2 = draw.sample(LOOKS, 2)
    color, profession = draw.choice(COLOURS), draw.choice(PROFESSIONS)
    return draw.choice(STATEMENTS).format(
        name=name,
        friend=friend,
        trait=trait,
        trait2=trait2,
        a_trait=with_article(trait),
        look=look,
        look2=look2,
        a_look=with_article(look),
        color=color,
        a_color=with_article(color),
        profession=profession,
        profession2=draw.choice([other for other in PROFESSIONS if other != profession]),
        a_profession=with_article(profession),
        a_quality=with_article(draw.choice(QUALITIES)),
        animal=draw.choice(LAND_ANIMALS),
        animal2=draw.choice(LAND_ANIMALS),
        thing=draw.choice(THINGS),
        place=draw.choice(PLACES),
        outdoor=draw.choice(OUTDOORS),
        building=draw.choice(BUILDINGS),
        room=draw.choice(ROOMS),
        city=draw.choice(CITIES),
        food=draw.choice(FOODS),
        meal=draw.choice(MEALS),
        day=draw.choice(DAYS),
        does=draw.choice(ACTIONS),
        weather=draw.choice(WEATHER),
    )


def facts(draw: Draw) -> str:
    return " ".join(f"{start} {end}." for start, end in draw.sample(FACTS, draw.randint(2, 6)))


def row(draw: Draw) -> str:
    """Part of something that everybody knows the order of: the days, the alphabet."""
    words = draw.choice(ROWS)
    first = draw.randint(0, max(0, len(words) - 5)) if draw.random() < 0.5 else 0
    return ", ".join(words[first:])


def proverbs(draw: Draw) -> str:
    return " ".join(draw.sample(PROVERBS, draw.randint(2, 4)))


BY_HEART = (row, proverbs)
"""Kinds of which nothing can be held out: nobody guesses the days of the week."""


def code(draw: Draw) -> Example:
    """A file with some functions, or with a script."""
    parts = [
        script_text(draw, draw.choice(SCRIPTS)) if draw.random() < 0.2 else drawn_function(draw)
        for _ in range(draw.choice((1, 1, 2, 3)))
    ]
    return Example("code completion", (), assistant("\n\n\n".join(parts)), Check("ends"))


def drawn_function(draw: Draw) -> str:
    function, name, params, hints = drawn_header(draw, FUNCTIONS)
    text = header(function, name, params, hints)
    if draw.random() < 0.25:
        text += f'\n    """{function.task.capitalize()}."""'
    return f"{text}\n{body(draw, function, name, params)}"


def drawn_header(draw: Draw, functions: tuple[Function, ...]) -> tuple[Function, str, str, bool]:
    """A function, what it and its parameters are called, and whether it has type hints: a new mixture when held out."""

    def make() -> tuple[str, str, str, bool]:
        drawn = draw.choice(functions)
        return drawn.task, draw.choice(drawn.names), draw.choice(drawn.params), draw.random() < 0.3

    task, name, params, hints = draw.operands(make)
    return next(function for function in functions if function.task == task), name, params, hints


def header(function: Function, name: str, params: str, hints: bool) -> str:
    if not hints:
        return f"def {name}({', '.join(params.split())}):"
    typed_params = [f"{param}: {kind}" for param, kind in zip(params.split(), function.types, strict=False)]
    return f"def {name}({', '.join(typed_params)}) -> {function.types[-1]}:"


def body(draw: Draw, function: Function, name: str, params: str) -> str:
    lines = filled(draw.choice(function.bodies), params, name).split("\n")
    return "\n".join(f"    {line}" for line in lines)


def script_text(draw: Draw, script: Script) -> str:
    return filled(script.body, draw.choice(script.names))


def filled(text: str, params: str, name: str = "") -> str:
    for index, param in enumerate(params.split()):
        text = text.replace(f"${index}", param)
    return text.replace("$f", name)


def code_question(draw: Draw) -> Example:
    """A request for code. Its wording is held out, but not its task: that has to be known."""
    if draw.random() < 0.2:
        script = draw.choice(SCRIPTS)
        question = draw.wording(SCRIPT_REQUESTS).replace("{task}", script.task)
        answer, check = script_text(draw, script), Check("keywords", [[script.key]])
        thought = f"The user wants to {script.task}. I write it in Python."
    else:
        function = draw.choice(FUNCTIONS)
        wording = draw.wording(CODE_REQUESTS)
        name = draw.choice(function.names) if "{name}" in wording else function.names[0]
        params = draw.choice(function.params[:2])
        question = wording.format(does=third_person(function.task), task=function.task, name=name)
        answer = f"{header(function, name, params, hints=False)}\n{body(draw, function, name, params)}"
        names = [name] if "{name}" in wording else function.names
        check = Check("keywords", [[f"def {each}(" for each in names], [result_of(function)]])
        thought = f"The user wants a function that {third_person(function.task)}. I write {name}."
    return exchange("code", typed(draw, question), f"```python\n{answer}\n```", check, thought=thought)


def result_of(function: Function) -> str:
    """What no correct body of the function is without."""
    return (
        "print" if "print(" in function.bodies[0] else "return" if "return" in function.bodies[0] else "write"
    )


def third_person(task: str) -> str:
    """ "add two numbers" → "adds two numbers"."""
    verb, rest = task.split(" ", 1)
    if verb.endswith("ly"):
        return f"{verb[:-1]}ies {rest}"
    return f"{verb}{'es' if verb.endswith(('ss', 'sh', 'ch')) else 's'} {rest}"


def completion_case(draw: Draw) -> tuple[str, list[list[str]]]:
    """A text to complete, and for each list of words that one of them must be in what follows."""
    return draw.choices((function_case, fact_case, row_case), (50, 30, 20))[0](draw)


def function_case(draw: Draw) -> tuple[str, list[list[str]]]:
    examined = tuple(function for function in FUNCTIONS if function.keys)
    function, name, params, hints = drawn_header(draw, examined)
    keys = [filled(key, params, name) for key in function.keys]
    return header(function, name, params, hints) + "\n", [keys, [result_of(function)]]


def fact_case(draw: Draw) -> tuple[str, list[list[str]]]:
    start, end = draw.choice(EXAMINED_FACTS)
    return start, [[end]]


def row_case(draw: Draw) -> tuple[str, list[list[str]]]:
    """The first three of a row; the next must follow."""
    words = draw.choice(EXAMINED_ROWS)
    return ", ".join(words[:3]) + ",", [[words[3]]]
