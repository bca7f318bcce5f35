"""What reviews are about and what they say. Data only.

"{the}" is an aspect ("the bed"), "{it}" what is reviewed ("hotel").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["visit", "goods"]

LABELS = ("positive", "negative", "neutral")


@dataclass(frozen=True)
class Domain:
    """Something that people review."""

    name: str
    aspects: tuple[tuple[str, str], ...]
    """What opinions are about, with the sort of adjectives that suit it. Singular each."""
    facts: tuple[str, ...]
    kind: Kind = "visit"
    """Whether one goes there or buys it."""


DOMAINS = (
    Domain(
        "hotel",
        (
            ("room", "room"),
            ("bed", "room"),
            ("breakfast", "food"),
            ("pool", "room"),
            ("view", "any"),
            ("waiter", "person"),
        ),
        (
            "The hotel has {large} rooms.",
            "Breakfast is at {number}.",
            "The hotel is near the station.",
            "We had room {large}.",
        ),
    ),
    Domain(
        "restaurant",
        (
            ("soup", "food"),
            ("pasta", "food"),
            ("waiter", "person"),
            ("cake", "food"),
            ("coffee", "food"),
            ("cook", "person"),
        ),
        (
            "The restaurant opens at {number}.",
            "We had a table for {number}.",
            "The soup costs {number} dollars.",
        ),
    ),
    Domain(
        "film",
        (("story", "story"), ("ending", "story"), ("music", "any"), ("hero", "person"), ("picture", "any")),
        (
            "The film is {number} hours long.",
            "We saw the film on {day}.",
            "The film is about a boy named {name}.",
        ),
    ),
    Domain(
        "movie",
        (("movie", "story"), ("story", "story"), ("end", "story"), ("music", "any"), ("plot", "story")),
        ("The movie is {number} hours long.", "We saw the movie in {city}.", "The movie is about {name}."),
    ),
    Domain(
        "place",
        (("food", "food"), ("service", "any"), ("place", "room"), ("cook", "person"), ("music", "any")),
        ("The place is in {city}.", "The place opens at {number}.", "We ate {food} there."),
    ),
    Domain(
        "product",
        (("product", "machine"), ("price", "any"), ("quality", "any"), ("product", "machine")),
        ("The product is {color}.", "The product was made in {city}.", "The product came in a box."),
        "goods",
    ),
    Domain(
        "app",
        (("app", "machine"), ("idea", "any"), ("app", "machine"), ("picture", "any")),
        ("The app has {small} pages.", "The app costs {number} dollars.", "The app is for phones."),
        "goods",
    ),
    Domain(
        "book",
        (
            ("story", "story"),
            ("ending", "story"),
            ("writer", "person"),
            ("first part", "story"),
            ("plot", "story"),
        ),
        (
            "The book has {large} pages.",
            "The book is about a girl named {name}.",
            "I read the book on the train.",
        ),
        "goods",
    ),
    Domain(
        "phone",
        (
            ("screen", "machine"),
            ("camera", "machine"),
            ("sound", "any"),
            ("battery", "machine"),
            ("phone", "machine"),
        ),
        ("The phone is {color}.", "The phone has {number} cameras.", "The phone costs {large} dollars."),
        "goods",
    ),
    Domain(
        "shop",
        (
            ("shop", "room"),
            ("seller", "person"),
            ("service", "any"),
            ("choice", "any"),
            ("website", "machine"),
        ),
        ("The shop opens at {number}.", "The shop is closed on {day}.", "The shop is in the old town."),
    ),
    Domain(
        "train",
        (("seat", "room"), ("train", "room"), ("driver", "person"), ("trip", "any"), ("service", "any")),
        (
            "The train leaves at {number}.",
            "The trip takes {number} hours.",
            "The train stops {number} times.",
        ),
    ),
    Domain(
        "game",
        (("game", "story"), ("music", "any"), ("story", "story"), ("picture", "any"), ("idea", "any")),
        (
            "The game is for {number} players.",
            "The game has {small} levels.",
            "A game takes {large} minutes.",
        ),
        "goods",
    ),
    Domain(
        "museum",
        (("museum", "room"), ("guide", "person"), ("cafe", "room"), ("tour", "story"), ("garden", "room")),
        (
            "The museum is open until {number}.",
            "The museum has {small} rooms.",
            "The tour starts at {number}.",
        ),
    ),
    Domain(
        "car",
        (("car", "machine"), ("seat", "room"), ("engine", "machine"), ("radio", "machine"), ("color", "any")),
        ("The car is {color}.", "The car has {number} seats.", "The car is {number} years old."),
        "goods",
    ),
    Domain(
        "bakery",
        (("bread", "food"), ("cake", "food"), ("baker", "person"), ("shop", "room"), ("coffee", "food")),
        (
            "The bakery opens at {number}.",
            "The bakery is on the main street.",
            "A cake costs {small} dollars.",
        ),
    ),
    Domain(
        "lamp",
        (("lamp", "machine"), ("light", "any"), ("color", "any"), ("price", "any"), ("idea", "any")),
        ("The lamp is {color}.", "The lamp costs {small} dollars.", "The lamp came in {a_color} box."),
        "goods",
    ),
)
ADJECTIVES: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "any": (
            *("good", "great", "excellent", "wonderful", "lovely", "nice", "perfect", "fantastic", "amazing"),
            *("brilliant", "awesome", "superb", "outstanding", "fine", "pleasant", "impressive"),
        ),
        "food": ("delicious", "fresh", "tasty"),
        "person": ("friendly", "kind", "helpful", "polite", "charming"),
        "room": ("comfortable", "clean", "cozy", "beautiful"),
        "story": ("exciting", "funny", "interesting", "clever"),
        "machine": ("reliable", "fast", "useful", "modern"),
    },
    "negative": {
        "any": (
            *(
                "bad",
                "terrible",
                "awful",
                "horrible",
                "poor",
                "disappointing",
                "ugly",
                "dreadful",
                "annoying",
            ),
            *("useless", "a mess", "a joke", "unpleasant", "too expensive", "a disaster", "a disappointment"),
        ),
        "food": ("cold", "sour", "stale", "too salty"),
        "person": ("rude", "unfriendly", "lazy", "slow"),
        "room": ("dirty", "ugly", "uncomfortable", "too small", "noisy", "smelly"),
        "story": ("boring", "stupid", "silly", "too long"),
        "machine": ("broken", "unreliable", "cheap", "weak"),
    },
}
STATED = (
    "The {the} was {adjective}.",
    "The {the} is {adjective}.",
    "The {the} of this {it} is {adjective}.",
    "I think the {the} is {adjective}.",
    "The {the} was really {adjective}.",
    "We found the {the} {adjective}.",
    "The {it} was {general}.",
    "This {it} is {general}.",
    "My friends say that the {the} is {adjective}.",
    "Everybody said the {it} was {general}, and it is.",
    "For me the {the} was {adjective}.",
    "The {the} was {adjective}!",
)
DENIED = {
    "positive": ("bad", "terrible", "disappointing", "poor", "awful"),
    "negative": ("good", "nice", "great", "wonderful", "pleasant", "fine", "very good"),
}
"""Words that mean the opposite, and that are clear once they are denied: "not perfect" is not."""
DENIALS = {
    "positive": (
        "The {the} was not {denied} at all.",
        "The {the} is not {denied}, it is a pleasure.",
        "The {it} is never {denied}.",
        "I was told that the {the} is {denied}, but that is not true.",
        "Nothing about the {the} was {denied}.",
    ),
    "negative": (
        "The {the} was not {denied}.",
        "The {the} wasn't {denied} at all.",
        "The {it} is not {denied}.",
        "I was told that the {the} is {denied}, but that is not true.",
        "Nothing about the {the} was {denied}.",
        "The {the} could not be less {denied}.",
    ),
}
WHOLE: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "any": (
            "I love this {it}.",
            "I love it!",
            "I loved the {the}.",
            "I really liked this {it}.",
            "It was {general}.",
            "This is {a_general} {it}.",
            "I love the {the}!",
            "I like the {the} a lot.",
            "I enjoyed the {the} very much.",
            "What {a_general} {it}!",
            "The best {it} in years!",
            "I can only recommend this {it}.",
            "Thank you for the {general} {the}!",
            "The {the} made me happy.",
            "Worth every dollar.",
            "I am very happy with the {the}.",
            "Five stars for the {the}.",
            "Nothing to complain about.",
            "My favorite {it}.",
            "I could not be happier with the {the}.",
            "The {the} is better than I thought.",
            "Simply {general}!",
        ),
        "visit": ("I would come again.", "We had a great time.", "We will be back.", "We felt at home."),
        "goods": ("It works like a dream.", "I use it every day and love it.", "I would buy it again."),
    },
    "negative": {
        "any": (
            "I hate this {it}.",
            "I hate it!",
            "I hated the {the}.",
            "I did not like this {it}.",
            "It was {general}.",
            "This is {a_general} {it}.",
            "I hate the {the}!",
            "I do not like the {the}.",
            "Never again.",
            "The worst {it} in years!",
            "I want my money back.",
            "I cannot recommend this {it}.",
            "Stay away from this {it}!",
            "The {the} made me angry.",
            "A waste of money.",
            "A waste of time.",
            "I am not happy with the {the}.",
            "One star for the {the}.",
            "I have a lot to complain about.",
            "I regret that I paid for this {it}.",
            "The {the} is worse than I thought.",
            "What a disappointment!",
        ),
        "visit": (
            "I would not come again.",
            "We had a bad time.",
            "We will not be back.",
            "We waited for hours.",
        ),
        "goods": ("It broke after a week.", "I sent it back.", "I would not buy it again."),
    },
    "neutral": {
        "any": (
            "The {the} was okay.",
            "The {it} is okay.",
            "The {the} is nothing special.",
            "Nothing special about the {the}.",
            "The {the} is neither good nor bad.",
            "The {it} is average.",
            "The {the} was average.",
            "An average {it}.",
            "The {it} is like any other {it}.",
            "The {the} is as described.",
            "I have no opinion about the {the}.",
            "The {the} was so-so.",
            "The {the} is the same as last year.",
            "Some like the {the}, some do not.",
            "The {the} was as expected.",
            "I do not know yet if I like the {the}.",
            "Just a normal {it}.",
        ),
        "visit": ("We were there for an hour.", "It was as we had expected."),
        "goods": ("It works as described.", "It is what I ordered.", "It does what it should."),
    },
}
FACTS: dict[str, tuple[str, ...]] = {
    "visit": (
        "I was there on {day}.",
        "We went there with {name}.",
        "I was there with {name} and {number} friends.",
        "It took {number} minutes.",
        "We paid {large} dollars.",
        "{name} told me about this {it}.",
        "There were {small} people.",
    ),
    "goods": (
        "I bought it on {day}.",
        "I have had it for {number} weeks.",
        "It was a gift for {name}.",
        "It is {number} years old.",
        "It came after {number} days.",
        "I paid {large} dollars for it.",
        "{name} has the same {it}.",
    ),
}
