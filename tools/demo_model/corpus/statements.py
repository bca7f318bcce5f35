"""Facts that the prompt states, and a question about one of them: a small model's reading test."""

from __future__ import annotations

from dataclasses import dataclass

from .common import Check, Draw, Example, Message, assistant, user
from .phrasing import entries, typed
from .words import (
    CITIES,
    COLOURS,
    COUNTRIES,
    DAYS,
    FOODS,
    LAND_ANIMALS,
    MONTHS,
    NAMES,
    NUMBERS,
    PLACES,
    PROFESSIONS,
    THINGS,
)

SKILL = "facts in the prompt"
ONE_TURN = (
    "{facts} {question}",
    "{facts}\n{question}",
    "{facts}\n\n{question}",
    "Facts: {facts}\nQuestion: {question}",
    "Read this: {facts} {question}",
    "Here are some facts: {facts} {question}",
    "{question} {facts}",
    "This is what I know: {facts} Now tell me: {question}",
    "Question: {question}\nText: {facts}",
    "Text: {facts}\nQuestion: {question}",
    "Answer with the help of this text. {facts}\n{question}",
    "Context: {facts}\n\n{question}",
    "Answer in a few words. {facts} {question}",
    "Listen: {facts} {question}",
    "I tell you some facts. {facts} {question}",
)
FIRST_TURN = entries(
    """{facts} | Remember this: {facts} | {facts} Please remember that. | Here are some facts: {facts}
    | Listen: {facts} | I want to tell you something. {facts} | Keep this in mind: {facts} | {facts} Got it?
    | You should know this: {facts} | Some facts for you: {facts}"""
)
SECOND_TURN = entries(
    """{question} | {question} | Now tell me: {question} | So: {question} | Question: {question}
    | {question} | Do you remember? {question} | Now a question: {question} | Thanks. {question}
    | And now: {question}"""
)


@dataclass(frozen=True)
class Fact:
    """A kind of fact with two sides: of whom or what, and what is said about it."""

    text: str
    of: tuple[str, ...]
    said: tuple[str, ...]
    questions: tuple[str, ...]
    """Whose answer is ``answer``."""
    answer: str = "{said}"
    who: tuple[str, ...] = ()
    """Questions the other way around, whose answer is ``of``."""


HOURS = NUMBERS[4:]
PEOPLE_KINDS = (
    Fact(
        "{of} lives in {said}.",
        NAMES,
        CITIES,
        ("Where does {of} live?", "In which city does {of} live?", "What city does {of} live in?"),
        who=("Who lives in {said}?",),
    ),
    Fact(
        "{of} comes from {said}.",
        NAMES,
        COUNTRIES,
        ("Where does {of} come from?",),
        who=("Who comes from {said}?",),
    ),
    Fact(
        "{of} likes {said}.",
        NAMES,
        FOODS,
        ("What does {of} like?", "What food does {of} like?"),
        who=("Who likes {said}?",),
    ),
    Fact(
        "{of} works as a {said}.",
        NAMES,
        PROFESSIONS,
        ("What is the job of {of}?", "What does {of} work as?", "What is {of}'s job?"),
        who=("Who is a {said}?", "Who works as a {said}?"),
    ),
    Fact("{of} is {said} years old.", NAMES, tuple(str(age) for age in range(5, 90)), ("How old is {of}?",)),
    Fact(
        "{of}'s dog is called {said}.",
        NAMES[::2],
        NAMES[1::2],
        ("What is {of}'s dog called?", "What is the name of {of}'s dog?"),
        who=("Whose dog is called {said}?",),
    ),
    Fact(
        "{of}'s birthday is in {said}.",
        NAMES,
        MONTHS,
        ("When is {of}'s birthday?", "In which month is {of}'s birthday?"),
        who=("Whose birthday is in {said}?",),
    ),
    Fact(
        "{of}'s favorite color is {said}.",
        NAMES,
        COLOURS,
        ("What is {of}'s favorite color?", "Which color does {of} like best?"),
        who=("Whose favorite color is {said}?",),
    ),
    Fact(
        "{of} goes to work by {said}.",
        NAMES,
        ("train", "bus", "car", "bike", "boat"),
        ("How does {of} go to work?", "How does {of} get to work?"),
        "by {said}",
        who=("Who goes to work by {said}?",),
    ),
    Fact(
        "{of} has a {said}.",
        NAMES,
        tuple(word for word in (*LAND_ANIMALS, *THINGS) if word[0] not in "aeiou"),
        ("What does {of} have?",),
        "a {said}",
        who=("Who has a {said}?",),
    ),
    Fact(
        "{of} has a {said} car.",
        NAMES,
        tuple(color for color in COLOURS if color != "orange"),
        ("What color is {of}'s car?", "Which color does {of}'s car have?"),
        who=("Who has a {said} car?",),
    ),
)
THING_KINDS = (
    Fact(
        "The {of} is in the {said}.",
        THINGS,
        PLACES,
        ("Where is the {of}?", "Where can I find the {of}?"),
        "in the {said}",
        who=("What is in the {said}?",),
    ),
    Fact(
        "The {of} is {said}.", THINGS, COLOURS, ("What color is the {of}?", "Which color does the {of} have?")
    ),
    Fact(
        "The {of} costs {said} dollars.",
        THINGS,
        tuple(str(price) for price in range(2, 100)),
        ("How much is the {of}?", "How much does the {of} cost?"),
        "{said} dollars",
    ),
    Fact(
        "The {of} opens at {said}.",
        ("shop", "museum", "library", "bank", "zoo", "bakery", "hotel", "school", "market", "theater"),
        HOURS,
        ("When does the {of} open?", "At what time does the {of} open?"),
        "at {said}",
        who=("What opens at {said}?",),
    ),
    Fact(
        "The {of} belongs to {said}.",
        THINGS,
        NAMES,
        ("Whose is the {of}?", "Who owns the {of}?", "Who does the {of} belong to?"),
        who=("What belongs to {said}?",),
    ),
    Fact(
        "The {of} is on {said}.",
        ("party", "meeting", "concert", "race", "test", "lesson", "dinner", "market"),
        DAYS,
        ("When is the {of}?", "On which day is the {of}?"),
        "on {said}",
        who=("What is on {said}?",),
    ),
)
OWN_KINDS = (
    Fact("My name is {said}.", ("",), NAMES, ("What is my name?", "Who am I?")),
    Fact("I live in {said}.", ("",), CITIES, ("Where do I live?", "In which city do I live?")),
    Fact("My favorite color is {said}.", ("",), COLOURS, ("What is my favorite color?",)),
    Fact("I like {said}.", ("",), FOODS, ("What do I like?",)),
    Fact("The password is {said}.", ("",), THINGS, ("What is the password?", "Tell me the password.")),
    Fact("My dog is called {said}.", ("",), NAMES, ("What is my dog called?", "What is the name of my dog?")),
)


@dataclass(frozen=True)
class Stated:
    """One fact as it is told, with a question and its answer."""

    text: str
    question: str
    answer: str


def facts(draw: Draw) -> Example:
    stated = draw.operands(lambda: told(draw))
    asked = draw.choice(stated)
    text = " ".join(each.text for each in stated)
    question = typed(draw, asked.question)
    thought = f"The user said: {asked.text} So the answer is {asked.answer}."
    if draw.random() < 0.35:
        first = draw.wording(FIRST_TURN).replace("{facts}", text)
        second = draw.wording(SECOND_TURN).replace("{question}", question)
        prompt: tuple[Message, ...] = (user(first), assistant("Got it."), user(second))
    else:
        prompt = (user(draw.wording(ONE_TURN).format(facts=text, question=question)),)
    return Example(SKILL, prompt, assistant(asked.answer), Check("exact", asked.answer), thought=thought)


def told(draw: Draw) -> list[Stated]:
    """Two to four facts. Often they are of one kind, so that one has to read of whom each is.

    No two have a word in common, and so each question has one answer.
    """
    length = draw.randint(2, 4)
    if draw.random() < 0.45:
        kind = draw.choice(PEOPLE_KINDS + THING_KINDS)
        kinds = [kind] * length
    else:
        kinds = draw.sample(PEOPLE_KINDS + THING_KINDS + OWN_KINDS, length)
    used: set[str] = set()
    return [stated(draw, kind, used) for kind in kinds]


def stated(draw: Draw, kind: Fact, used: set[str]) -> Stated:
    of = draw.choice([word for word in kind.of if word not in used])
    said = draw.choice([word for word in kind.said if word not in used])
    used |= {of, said} - {""}
    backwards = bool(kind.who) and draw.random() < 0.3
    answer = (of if kind.of is NAMES or kind.of[0] in NAMES else f"the {of}") if backwards else kind.answer
    return Stated(
        kind.text.format(of=of, said=said),
        draw.choice(kind.who if backwards else kind.questions).format(of=of, said=said),
        answer.format(said=said),
    )
