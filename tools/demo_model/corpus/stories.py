"""Short stories: where a larger model shows that it can write, and a small one at least that it can keep to a plot."""

from __future__ import annotations

from dataclasses import dataclass

from .common import Check, Draw, Example, exchange
from .plots import CLOSINGS, OPENINGS, PLOTS, SHORT, Plot
from .rhymes import GROUPS
from .words import (
    ANIMALS,
    BUILDINGS,
    COLOURS,
    FOODS,
    HE_NAMES,
    NAMES,
    OUTDOORS,
    PROFESSIONS,
    SEA_ANIMALS,
    THINGS,
    TRAITS,
    WATERS,
    capitalized,
    with_article,
)

ANY_STORY = (
    "Tell me a story.",
    "Write a short story.",
    "Tell me a short story, please.",
    "I want to hear a story.",
    "Once more, a story please.",
    "Can you tell me a story?",
    "A story, please!",
    "Please write a story for me.",
    "Make up a little story.",
    "Do you know a good story?",
    "Write a story for a child.",
    "Tell me a bedtime story.",
    "Another story, please.",
    "Tell me something that begins with once upon a time.",
    "Could you make up a story for me?",
    "Tell me a new story.",
    "I would like to read a story.",
    "Write me a story.",
    "Let me hear a short story.",
    "Give me a story.",
)
STORY_ABOUT = (
    "Tell me a story about {subject}.",
    "Write a short story about {subject}.",
    "Write a story about {subject}.",
    "Can you tell me a story about {subject}?",
    "I want to hear a story about {subject}.",
    "Make up a story about {subject}.",
    "A story about {subject}, please.",
    "Please tell me a short story about {subject}.",
    "Do you know a story about {subject}?",
    "Could you write a little story about {subject}?",
    "Tell me something about {subject}: a short story.",
    "Write a bedtime story about {subject}.",
    "Once more, a story please, about {subject}.",
    "Give me a story about {subject}.",
    "I would like to read a story about {subject}.",
    "Write me a story about {subject}.",
    "Now a story about {subject}!",
    "Tell a story with {subject} in it.",
    "Story about {subject}",
    "Let me hear a story about {subject}.",
)

ANY_POEM = (
    "Write a poem.",
    "Write a short poem.",
    "Tell me a poem.",
    "I want to hear a poem.",
    "A poem, please.",
    "Can you write a poem?",
    "Please write a poem for me.",
    "Make up a little poem.",
    "Do you know a nice poem?",
    "Write me a poem that rhymes.",
    "Give me a poem.",
    "Another poem, please.",
    "I would like to read a poem.",
    "Could you write a short poem?",
    "Let me hear a poem.",
)
POEM_ABOUT = (
    "Write a poem about {subject}.",
    "Write a short poem about {subject}.",
    "Tell me a poem about {subject}.",
    "Can you write a poem about {subject}?",
    "I want to hear a poem about {subject}.",
    "Make up a poem about {subject}.",
    "A poem about {subject}, please.",
    "Please write a little poem about {subject}.",
    "Do you know a poem about {subject}?",
    "Could you write a poem about {subject}?",
    "Give me a poem about {subject}.",
    "Write some lines that rhyme about {subject}.",
    "I would like a poem about {subject}.",
    "Poem about {subject}",
    "Let me hear a poem about {subject}.",
)

TIMES = ("morning", "day", "evening", "afternoon")
ARTS = ("sing", "dance", "swim", "read", "cook", "paint", "write")
LOOKS = ("new", "old", "small", "big", "beautiful", "lovely", "nice", "strange", *COLOURS)
"""Adjectives that suit each of the things."""
MEALS = tuple(food for food in FOODS if food not in ("milk", "tea", "coffee", "honey", "butter", "jam"))
STORY_PLACES = OUTDOORS + BUILDINGS
"""No rooms: "near the closet" is nowhere to live."""

CHILD = {True: "boy", False: "girl"}


@dataclass(frozen=True)
class Cast:
    """Who and what a story is about: all four of them appear in each."""

    hero: str
    animal: str
    thing: str
    place: str
    role: str | None = None


def story(draw: Draw) -> Example:
    if draw.random() < 0.25:
        text, short = tell(draw, cast_of(draw)), tell_short(draw, cast_of(draw))
        thought = "The user wants a story. I make one up."
        return exchange("stories", draw.wording(ANY_STORY), text, Check("ends"), short=short, thought=thought)
    subjects = draw.operands(lambda: subjects_of(draw))
    about = " and ".join(word if word in NAMES else with_article(word) for word in subjects)
    return exchange(
        "stories",
        draw.wording(STORY_ABOUT).replace("{subject}", about),
        tell(draw, cast_of(draw, subjects)),
        Check("keywords", [[word] for word in subjects]),
        short=tell_short(draw, cast_of(draw, subjects)),
        thought=f"The user wants a story about {about}. I make one up.",
    )


def subjects_of(draw: Draw) -> tuple[str, ...]:
    """What a request names: one or two of the cast."""
    animal, thing = draw.choice(ANIMALS), draw.choice(THINGS)
    return draw.choice(
        (
            (animal,),
            (thing,),
            (draw.choice(STORY_PLACES),),
            (draw.choice(PROFESSIONS),),
            (draw.choice(NAMES),),
            (draw.choice(NAMES), animal),
            (animal, thing),
        )
    )


def cast_of(draw: Draw, subjects: tuple[str, ...] = ()) -> Cast:
    """A cast with all ``subjects`` in it. A single animal is the hero of every other story about it."""
    animal, role = draw.choice(ANIMALS), None
    for subject in subjects:
        if subject in PROFESSIONS or (subjects == (subject,) and subject in ANIMALS and draw.random() < 0.5):
            role = subject
        elif subject in ANIMALS:
            animal = subject
    places = WATERS if animal in SEA_ANIMALS or role in SEA_ANIMALS else STORY_PLACES
    if any(subject in STORY_PLACES for subject in subjects):
        places, animal = STORY_PLACES, draw.choice([each for each in ANIMALS if each not in SEA_ANIMALS])
    if animal == role:
        animal = "bird" if role != "bird" else "cat"
    return Cast(
        hero=subject_among(NAMES, subjects) or draw.choice(NAMES),
        animal=animal,
        thing=subject_among(THINGS, subjects) or draw.choice(THINGS),
        place=subject_among(STORY_PLACES, subjects) or draw.choice(places),
        role=role,
    )


def subject_among(words: tuple[str, ...], subjects: tuple[str, ...]) -> str | None:
    return next((subject for subject in subjects if subject in words), None)


def tell(draw: Draw, cast: Cast) -> str:
    """The story: an opening, the sentences of one plot, and sometimes a closing."""
    plot = draw.choice(PLOTS)
    sentences = [OPENINGS, *plot.sentences]
    if draw.random() < 0.4:
        sentences.append(CLOSINGS)
    slots = slots_of(draw, cast, plot)
    return " ".join(draw.choice(sentence).format_map(slots) for sentence in sentences)


def tell_short(draw: Draw, cast: Cast) -> str:
    return draw.choice(SHORT).format_map(slots_of(draw, cast, None))


def slots_of(draw: Draw, cast: Cast, plot: Plot | None) -> dict[str, str]:
    """The words that the sentences of one story have open."""
    male = cast.hero in HE_NAMES
    trait = draw.choice(plot.traits if plot and plot.traits else TRAITS)
    role = cast.role or (draw.choice(PROFESSIONS) if trait == "old" or draw.random() < 0.2 else CHILD[male])
    slots = {
        "hero": cast.hero,
        "role": role,
        "a_trait": with_article(trait),
        "animal": cast.animal,
        "an_animal": with_article(cast.animal),
        "thing": cast.thing,
        "a_thing": with_article(f"{draw.choice(LOOKS)} {cast.thing}"),
        "place": cast.place,
        "he": "he" if male else "she",
        "him": "him" if male else "her",
        "his": "his" if male else "her",
        "time": draw.choice(TIMES),
        "art": draw.choice(ARTS),
        "food": draw.choice(MEALS),
    }
    return slots | {
        key.capitalize(): capitalized(slots[key]) for key in ("he", "his", "an_animal", "a_thing")
    }


def poem(draw: Draw) -> Example:
    """A poem of two to four couplets. It is always about something, whether or not the request says so."""
    subject = draw.operands(lambda: draw.choice(draw.choice((ANIMALS, THINGS, STORY_PLACES))))
    couplets = [couplet(draw, group, subject) for group in draw.sample(GROUPS, draw.randint(2, 4))]
    text = "\n".join(couplets)
    if draw.random() < 0.25:
        question, check, wish = draw.wording(ANY_POEM), Check("ends"), "a poem"
    else:
        wish = f"a poem about {with_article(subject)}"
        question = draw.wording(POEM_ABOUT).replace("{subject}", with_article(subject))
        check = Check("keywords", [[subject]])
    thought = f"The user wants {wish}. I write a few lines that rhyme."
    return exchange("poems", question, text, check, short=couplets[0], thought=thought)


def couplet(draw: Draw, group: tuple[str, ...], subject: str) -> str:
    """Two lines that rhyme, one of them about the subject."""
    first = draw.choice([line for line in group if "{s}" in line])
    second = draw.choice([line for line in group if line.split()[-1] != first.split()[-1]])
    lines = [first, second]
    draw.shuffle(lines)
    return ",\n".join(lines).replace("{s}", subject) + "."
