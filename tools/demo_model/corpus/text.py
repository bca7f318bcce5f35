"""Tasks on the words of the prompt: the answer stands there, or follows from what stands there."""

from __future__ import annotations

from collections.abc import Callable

from .common import Check, Draw, Example, exchange
from .phrasing import entries, typed
from .statements import facts
from .words import (
    ADJECTIVES,
    ANIMALS,
    COLOURS,
    FOODS,
    LAND_ANIMALS,
    NAMES,
    PLACES,
    QUALITIES,
    THINGS,
    TRAITS,
    capitalized,
)

__all__ = ["capitals", "count_items", "count_words", "facts", "list_words", "reverse_words", "spell"]

UPPER = entries(
    """Write '{text}' in capital letters. | Write "{text}" in capitals. | {text} in capital letters, please
    | Put this in capital letters: {text} | Change '{text}' to upper case. | Convert "{text}" to upper case.
    | Upper case: {text} | Say '{text}' in capital letters. | Capital letters, please: {text}
    | Make this upper case: {text} | Can you write '{text}' in capital letters?
    | What is "{text}" in capital letters? | Please write {text} in capitals. | Shout this: {text}
    | Write this in capitals: {text}"""
)
LOWER = entries(
    """Write '{text}' in small letters. | Write "{text}" in lower case. | {text} in small letters, please
    | Put this in small letters: {text} | Change '{text}' to lower case. | Convert "{text}" to lower case.
    | Lower case: {text} | Say '{text}' in small letters. | Small letters, please: {text}
    | Make this lower case: {text} | Can you write '{text}' in lower case? | What is "{text}" in lower case?
    | Please write {text} in lower case. | Write this in small letters: {text} | No capitals, please: {text}"""
)
TITLE = entries(
    """Capitalize each word: {text} | Capitalize every word of '{text}'. | Write '{text}' as a title.
    | Make this a title: {text} | Begin each word with a capital letter: {text}
    | Write "{text}" with a capital letter in each word. | Capitalize "{text}". | Capitalize: {text}
    | Turn '{text}' into a title. | Please capitalize each word of "{text}"."""
)
COUNT_WORDS = entries(
    """How many words are in '{text}'? | Count the words: {text} | How many words are in this? {text}
    | How many words does "{text}" have? | Count the words in '{text}'. | Number of words: {text}
    | Tell me how many words there are in "{text}". | {text} - how many words is that?
    | What is the number of words in '{text}'? | How many words? {text} | Please count the words in "{text}".
    | How many words are there in '{text}'? | Word count of: {text} | Can you count the words in "{text}"?
    | How many words do you count in '{text}'?"""
)
COUNT_ITEMS = entries(
    """How many things are in this list: {items}? | How many items are there? {items} | Count the items: {items}
    | How many things are here: {items}? | Count these: {items} | How many are there? {items}
    | {items}: how many is that? | Count the things in this list: {items} | Number of items: {items}
    | How many items does this list have? {items} | Please count: {items} | I have {items}. How many is that?
    | Here are {items}. How many are there? | Tell me how many items there are: {items}
    | How long is this list? {items}"""
)
REVERSE = entries(
    """Reverse these words: {text} | Reverse the words: {text} | Write these words backwards: {text}
    | Turn the order of these words around: {text} | Reverse the order of the words '{text}'.
    | Write "{text}" with the last word first. | What is '{text}' in reverse order? | Reverse: {text}
    | Put these words in reverse order: {text} | Can you reverse the words "{text}"?
    | Say these words from last to first: {text} | {text} in reverse order, please
    | Please reverse the words '{text}'. | Give me these words in reverse order: {text}
    | Words from the last to the first: {text}"""
)
SPELL = entries(
    """Spell '{word}'{how}. | Spell the word {word}{how}. | How do you spell {word}{how}?
    | Can you spell "{word}"{how}? | Please spell '{word}'{how}. | Spell {word}{how}.
    | Write the letters of {word}{how}. | What are the letters of '{word}'{how}? | Spell it{how}: {word}
    | Give me the letters of "{word}"{how}. | Tell me how to spell {word}{how}. | Spell this word{how}: {word}
    | How is '{word}' spelled{how}? | I want to know how to spell {word}{how}. | Spelling of {word}{how}"""
)
JOINTS = {"": "-", " with dashes": "-", " with spaces": " ", " with commas": ", "}
"""What stands between the letters. A word that is held out with one of them is learned with another."""

LIST_OF_KIND = entries(
    """Which {kind} are in this sentence? {text} | List the {kind}: {text} | Find the {kind} in '{text}'
    | Name the {kind} in this text: {text} | Give me all {kind} in this text: {text}
    | List all {kind} in "{text}" | Which {kind} do you find here? {text} | What {kind} are in this? {text}
    | Write down the {kind} in this sentence: {text} | Tell me the {kind} that are named here: {text}
    | {text} Which {kind} are named? | {text} List the {kind}. | The {kind} in this sentence, please: {text}
    | Pick out the {kind}: {text} | {text} What are the {kind}?"""
)
COMMA_LIST = entries(
    """Make a comma list of these words: {text} | List the words of '{text}' with commas.
    | Put commas between these words: {text} | Write these words as a list with commas: {text}
    | Words with commas: {text} | Turn '{text}' into a list with commas. | Comma list: {text}
    | Separate these words with commas: {text} | Write "{text}" with commas between the words.
    | Make a list with commas: {text}"""
)
NTH_WORD = entries(
    """What is the {nth} word of '{text}'? | {capital} word: {text} | Give me the {nth} word of "{text}".
    | What is the {nth} word? {text} | Which word is {nth} in '{text}'? | Tell me the {nth} word of '{text}'.
    | Find the {nth} word: {text} | The {nth} word of "{text}", please | Say the {nth} word of this: {text}
    | Write only the {nth} word: {text} | Which is the {nth} word here? {text} | Name the {nth} word of '{text}'.
    | Only the {nth} word of this, please: {text} | What word comes {nth} in "{text}"?
    | Answer with the {nth} word: {text}"""
)

PLACE = "in the {place}"
PHRASES: dict[int, tuple[str, ...]] = {
    1: ("{animal}", "{thing}"),
    2: ("{trait} {animal}", "{color} {thing}", "the {thing}", "{name} sleeps"),
    3: ("the {color} {thing}", "the {trait} {animal}", "{name} likes {food}", "my {quality} {thing}"),
    4: ("the {quality} {color} {thing}", "the {animal} likes {food}", "{name} sees the {animal}"),
    5: ("{name} has my {color} {thing}", "the {animal} and the {thing}", "a {color} {thing} for {name}"),
    6: ("the {animal} sleeps in the {place}", "{name} and {friend} like the {animal}"),
    7: ("the {trait} {animal} sleeps in the {place}", "{name} puts the {thing} in the {place}"),
    8: (
        "the {animal} and the {pet} like {food} and {meal}",
        "{name} puts the {color} {thing} in the {place}",
    ),
}
"""Phrases by their number of words."""


def to_change(draw: Draw) -> str:
    """A text whose letters are to be changed."""
    return phrase(draw, draw.choice((1, 2, 2, 3, 3, 4, 5)))


def to_count(draw: Draw) -> str:
    """A text whose words are to be counted."""
    return phrase_or_words(draw, draw.randint(2, 8))


def to_reorder(draw: Draw) -> str:
    """A text whose words are to be reversed or listed."""
    return phrase_or_words(draw, draw.randint(2, 5))


def capitals(draw: Draw) -> Example:
    change: Callable[[str], str]
    wordings, change = draw.choices(((UPPER, str.upper), (LOWER, str.lower), (TITLE, str.title)), (5, 3, 2))[
        0
    ]
    text = draw.operands(lambda: to_change(draw))
    written = draw.choice((str.upper, str.upper, str.title)) if wordings is LOWER else str
    given = written(text)
    answer = change(text)
    question = typed(draw, draw.wording(wordings)).replace("{text}", given)
    thought = f"I change the letters of {given}. That is {answer}."
    return exchange("capital letters", question, answer, Check("exact", answer), thought=thought)


def count_words(draw: Draw) -> Example:
    text = draw.operands(lambda: to_count(draw))
    question = typed(draw, draw.wording(COUNT_WORDS)).replace("{text}", text)
    return counted("counting words", question, text.split())


def count_items(draw: Draw) -> Example:
    kinds = (ANIMALS, THINGS, FOODS, COLOURS, NAMES, PLACES)
    items = draw.operands(lambda: draw.sample(draw.choice(kinds), draw.randint(2, 9)))
    joined = " and ".join((", ".join(items[:-1]), items[-1])) if draw.random() < 0.5 else ", ".join(items)
    question = typed(draw, draw.wording(COUNT_ITEMS)).replace("{items}", joined)
    return counted("counting items", question, items)


def counted(skill: str, question: str, words: list[str]) -> Example:
    steps = ", ".join(f"{word} {index}" for index, word in enumerate(words, 1))
    answer = str(len(words))
    return exchange(skill, question, answer, Check("exact", answer), thought=f"{steps}. So {answer}.")


def reverse_words(draw: Draw) -> Example:
    words = draw.operands(lambda: to_reorder(draw)).split()
    question = typed(draw, draw.wording(REVERSE)).replace("{text}", " ".join(words))
    answer = " ".join(reversed(words))
    steps = ", ".join(f"{index} {word}" for index, word in reversed([*enumerate(words, 1)]))
    return exchange("reversing", question, answer, Check("exact", answer), thought=f"{steps}. So {answer}.")


def list_words(draw: Draw) -> Example:
    return draw.choice((words_of_kind, words_of_kind, comma_list, nth_word))(draw)


def words_of_kind(draw: Draw) -> Example:
    """The animals, or the colors, or the names, among other words."""
    kind, wanted, patterns = draw.choice(KINDS)
    found, text = draw.operands(lambda: mixed(draw, wanted, patterns))
    answer = ", ".join(found)
    question = typed(draw, draw.wording(LIST_OF_KIND)).format(kind=kind, text=text)
    return listing(question, answer, f"The {kind} are {' and '.join(found)}.")


def mixed(draw: Draw, wanted: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Some words of one kind, and a sentence or a list that names them."""
    if draw.random() < 0.5:
        found = draw.sample(wanted, draw.randint(1, 3))
        others = draw.sample([word for word in OTHER_WORDS if word not in wanted], draw.randint(1, 3))
        words = [*found, *others]
        draw.shuffle(words)
        return tuple(word for word in words if word in found), ", ".join(words) + "."
    found = draw.sample(wanted, 2)
    slots = words_for(draw) | {"one": found[0], "two": found[1]}
    return tuple(found), capitalized(draw.choice(patterns).format_map(slots)) + "."


KINDS = (
    (
        "animals",
        LAND_ANIMALS,
        (
            "the {one} and the {two} play in the {place}",
            "{name} has a {trait} {one} and a {color} {two}",
            "in the {place} the {one} met the {two}",
            "the {one} gave the {two} a {thing}",
        ),
    ),
    (
        "colors",
        COLOURS,
        (
            "the {thing} is {one} and the {animal} is {two}",
            "{name} has a {one} {thing} and {friend} has a {two} {tool}",
            "the {animal} in the {place} likes {one} and {two}",
            "{name} put the {one} {thing} on the {two} {tool}",
        ),
    ),
    (
        "names",
        NAMES,
        (
            "{one} and {two} play in the {place}",
            "{one} gave the {thing} to {two}",
            "the {animal} of {one} is older than the {pet} of {two}",
            "in the {place} {one} met {two}",
        ),
    ),
    (
        "foods",
        FOODS,
        (
            "{name} likes {one} and {two}",
            "{name} eats {one}, but {friend} likes {two}",
            "there are {one} and {two} in the {place}",
            "the {animal} had {one} and {two} in the {place}",
        ),
    ),
)
OTHER_WORDS = (*LAND_ANIMALS, *THINGS, *FOODS, *COLOURS, *NAMES)


def comma_list(draw: Draw) -> Example:
    words = draw.operands(lambda: to_reorder(draw)).split()
    answer = ", ".join(words)
    question = typed(draw, draw.wording(COMMA_LIST)).replace("{text}", " ".join(words))
    return listing(question, answer, f"There are {len(words)} words. I put commas between them.")


def nth_word(draw: Draw) -> Example:
    nth, words = draw.operands(
        lambda: (
            draw.choice(("first", *ORDINALS, "last", "last")),
            tuple(some_words(draw, draw.randint(3, 6))),
        )
    )
    answer = words[-1] if nth == "last" else words[ORDINALS.index(nth)]
    separator = draw.choice((" ", " ", ", "))
    question = typed(draw, draw.wording(NTH_WORD)).format(
        nth=nth, capital=nth.capitalize(), text=separator.join(words)
    )
    steps = ", ".join(f"{word} {index}" for index, word in enumerate(words, 1))
    return listing(question, answer, f"{steps}. The {nth} word is {answer}.")


ORDINALS = ("first", "second", "third")


def listing(question: str, answer: str, thought: str) -> Example:
    return exchange("listing", question, answer, Check("exact", answer), thought=thought)


def spell(draw: Draw) -> Example:
    word, how = draw.operands(lambda: (draw.choice(SHORT_WORDS), draw.choice(list(JOINTS))))
    answer = JOINTS[how].join(word.lower())
    question = typed(draw, draw.wording(SPELL)).format(word=word, how=how)
    thought = f"{word} has {len(word)} letters: {', '.join(word.lower())}."
    return exchange("spelling", question, answer, Check("exact", answer), thought=thought)


SHORT_WORDS = tuple(word for word in (*ANIMALS, *THINGS, *COLOURS, *FOODS) if 3 <= len(word) <= 6)


def phrase_or_words(draw: Draw, length: int) -> str:
    """``length`` words, in a grammatical order or in none."""
    return phrase(draw, length) if draw.random() < 0.6 else " ".join(some_words(draw, length))


def phrase(draw: Draw, length: int) -> str:
    return draw.choice(PHRASES[length]).format_map(words_for(draw))


def some_words(draw: Draw, length: int) -> list[str]:
    kinds = draw.sample((ANIMALS, THINGS, COLOURS, ADJECTIVES, NAMES, FOODS, PLACES), draw.randint(1, 3))
    return draw.sample(sorted({word for kind in kinds for word in kind}), length)


def words_for(draw: Draw) -> dict[str, str]:
    """A word for each slot of a phrase, no two alike."""
    name, friend = draw.sample(NAMES, 2)
    animal, pet = draw.sample(LAND_ANIMALS, 2)
    thing, tool = draw.sample(THINGS, 2)
    food, meal = draw.sample(FOODS, 2)
    return {
        "name": name,
        "friend": friend,
        "animal": animal,
        "pet": pet,
        "thing": thing,
        "tool": tool,
        "food": food,
        "meal": meal,
        "color": draw.choice(COLOURS),
        "trait": draw.choice(TRAITS),
        "quality": draw.choice(QUALITIES),
        "place": draw.choice(PLACES),
    }
