"""Greetings, questions about the model itself, and questions that it cannot answer."""

from __future__ import annotations

from .common import Check, Draw, Example, assistant, exchange, user
from .phrasing import typed
from .smalltalk_intents import INTENTS
from .smalltalk_unknown import unknown
from .words import NAMES

SKILL = "small talk"
MORE_NAMES = (
    *("James", "John", "Michael", "William", "George", "Thomas", "Charles", "Daniel", "Matthew", "Mark"),
    *("Steven", "Andrew", "Kevin", "Brian", "Edward", "Ryan", "Jacob", "Gary", "Frank", "Scott"),
    *("Jonas", "Lukas", "Ali", "Omar", "Ivan", "Pedro", "Juan", "Marco", "Raj", "Chen"),
    *("Mary", "Linda", "Susan", "Lisa", "Nancy", "Betty", "Sandra", "Ashley", "Emily", "Donna"),
    *("Michelle", "Carol", "Amanda", "Melissa", "Rebecca", "Sharon", "Cynthia", "Grace", "Diana", "Elena"),
    *("Lena", "Sofia", "Fatima", "Aisha", "Priya", "Mei", "Yuki", "Ingrid", "Chloe", "Isabel"),
)
PEOPLE = NAMES + MORE_NAMES
OWN_NAME = (
    "My name is {name}.",
    "I am {name}.",
    "Hello, my name is {name}.",
    "Hi, I am {name}.",
    "Hello! My name is {name}.",
    "I'm {name}.",
    "Call me {name}.",
    "Hi! My name is {name}.",
    "Please call me {name}.",
    "Hello, I am {name}.",
    "You can call me {name}.",
    "My name is {name}. What is yours?",
    "Hey, I'm {name}.",
    "People call me {name}.",
    "Hi, my name is {name}.",
)
ASKED_BACK = "What is yours?"
NAME_ASKED = (
    "What is my name?",
    "Do you know my name?",
    "What's my name?",
    "Do you remember my name?",
    "Can you tell me my name?",
    "Who am I?",
    "Tell me my name.",
    "What was my name?",
    "What am I called?",
    "Do you know what my name is?",
    "Say my name.",
)
HELLO_IN = {
    "Spanish": "Hola!",
    "French": "Bonjour!",
    "German": "Hallo!",
    "Italian": "Ciao!",
    "Dutch": "Hallo!",
    "Swedish": "Hej!",
    "Danish": "Hej!",
    "Finnish": "Hei!",
    "Portuguese": "Ola!",
    "Turkish": "Merhaba!",
    "Japanese": "Konnichiwa!",
    "Latin": "Salve!",
    "Hindi": "Namaste!",
    "Hebrew": "Shalom!",
    "English": "Hello!",
}
SAY_HELLO = (
    "Say hello in {language}.",
    "How do you say hello in {language}?",
    "What is hello in {language}?",
    "Hello in {language}?",
    "How do I say hello in {language}?",
    "Please say hello in {language}.",
    "Can you say hello in {language}?",
    "Greet me in {language}.",
    "What does hello mean in {language}?",
    "Could you say hello in {language}?",
    "Say hi in {language}.",
)
COUNT = (
    "Count to {number}.",
    "Can you count to {number}?",
    "Please count to {number}.",
    "Count from 1 to {number}.",
    "Count up to {number}.",
    "Count from one to {number}.",
    "Say the numbers from 1 to {number}.",
    "Hello! Count to {number}.",
    "Write the numbers from 1 to {number}.",
    "Could you count to {number}?",
    "Show me how you count to {number}.",
    "Write the numbers up to {number}.",
    "I want you to count to {number}.",
    "Give me the numbers from 1 to {number}.",
    "Count for me to {number}.",
)
NUMBER_WORDS = {
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
    12: "twelve",
    15: "fifteen",
    20: "twenty",
}
MOST_ASKED_NUMBER = 10


def smalltalk(draw: Draw) -> Example:
    """Small talk, of which a part is told the user's name and asked for it in the next message."""
    return remembered_name(draw) if draw.random() < 0.06 else one_message(draw)


def one_message(draw: Draw) -> Example:
    """Small talk that needs nothing said before."""
    parts = (intended, unknown, told_name, hello_in, count)
    return draw.choices(parts, (60, 26, 5, 4, 5))[0](draw)


def intended(draw: Draw) -> Example:
    intent = draw.choices(INTENTS, [intent.weight for intent in INTENTS])[0]
    keywords = [list(group) for group in intent.keywords]
    return exchange(
        SKILL,
        typed(draw, draw.wording(intent.wordings)),
        draw.choice(intent.answers),
        Check("keywords", keywords) if keywords else Check("ends"),
        short=intent.short,
        thought=intent.thought,
    )


def told_name(draw: Draw) -> Example:
    name = person(draw)
    question, answer = introduction(draw, name)
    thought = f"The user is called {name}. I greet {name}."
    return exchange(
        SKILL, question, answer, Check("keywords", [[name]]), short=f"Hello, {name}!", thought=thought
    )


def remembered_name(draw: Draw) -> Example:
    name = person(draw)
    question, greeting = introduction(draw, name)
    return Example(
        SKILL,
        (user(question), assistant(greeting), user(typed(draw, draw.wording(NAME_ASKED)))),
        assistant(f"Your name is {name}."),
        Check("keywords", [[name]]),
        short=name,
        thought=f"The user said that the name is {name}.",
    )


def introduction(draw: Draw, name: str) -> tuple[str, str]:
    """How the user says the name, and the model's greeting."""
    wording = draw.wording(OWN_NAME)
    mine = " My name is oaikit-demo." if wording.endswith(ASKED_BACK) else ""
    return typed(draw, wording.format(name=name)), f"Nice to meet you, {name}!{mine}"


def person(draw: Draw) -> str:
    return draw.operands(lambda: draw.choice(PEOPLE))


def hello_in(draw: Draw) -> Example:
    language = draw.choice(tuple(HELLO_IN))
    hello = HELLO_IN[language]
    question = typed(draw, draw.wording(SAY_HELLO).format(language=language))
    thought = f"Hello in {language} is {hello}"
    return exchange(SKILL, question, hello, Check("keywords", [[hello.strip("!")]]), thought=thought)


def count(draw: Draw) -> Example:
    """Most often to ten, with the number as a word or in digits."""
    number = MOST_ASKED_NUMBER if draw.random() < 0.5 else draw.choice(tuple(NUMBER_WORDS))
    written = NUMBER_WORDS[number] if draw.random() < 0.6 else str(number)
    numbers = ", ".join(str(each) for each in range(1, number + 1))
    question = typed(draw, draw.wording(COUNT).format(number=written))
    thought = f"The user wants the numbers from 1 to {number}."
    return exchange(SKILL, question, numbers, Check("keywords", [[numbers]]), thought=thought)
