"""Questions about oaikit, vLLM, Jupyter, the OpenAI API and the sampling parameters.

The topics are not held out, because nobody can know a fact that he was never told; the wordings are.
"""

from __future__ import annotations

from .common import Check, Draw, Example, exchange
from .phrasing import typed
from .toolkit_concepts import CONCEPTS
from .toolkit_howtos import DIFFERENCES, HOW_TOS
from .toolkit_parameters import PARAMETERS
from .toolkit_topic import Kind, Topic

TOPICS: tuple[Topic, ...] = (*PARAMETERS, *CONCEPTS, *DIFFERENCES, *HOW_TOS)
GREETED = 0.04
"""Share of the questions that begin with a greeting, which changes nothing about the answer."""
GREETINGS = ("Hello! ", "Hi! ", "Hi, ", "Hey, ", "Hello, ")

PARAMETER_WORDINGS = (
    "What does {name} do?",
    "What is {name}?",
    "Explain {name}.",
    "Tell me about {name}.",
    "Can you explain {name}?",
    "{name}?",
    "What is {name} for?",
    "How does {name} work?",
    "Describe {name} in a sentence.",
    "I do not understand {name}.",
    "What does {name} mean?",
    "When do I use {name}?",
    "What happens if I change {name}?",
    "Please explain what {name} does.",
    "What is the effect of {name}?",
    "Why would I set {name}?",
    "What does {name} do in vLLM?",
    "How do I use {name}?",
    "I see {name} in the settings. What is it?",
    "Could you tell me what {name} does?",
    "Give me a short explanation of {name}.",
    "What can I do with {name}?",
    "Explain {name} to me.",
    "What is {name} in the OpenAI API?",
    "In one sentence, what does {name} do?",
)
# {a} is the first name with its article, {name} any of the names.
CONCEPT_WORDINGS = (
    "What is {a}?",
    "Explain {a}.",
    "What does {name} mean?",
    "Tell me about {name}.",
    "Can you explain {a}?",
    "{name}?",
    "What is {a} for?",
    "How does {a} work?",
    "Describe {a} in a sentence.",
    "I do not understand what {a} is.",
    "What is {a} in simple words?",
    "Please explain what {a} is.",
    "What do people mean by {name}?",
    "Define {name}.",
    "Could you describe {a}?",
    "Can you tell me what {a} is?",
    "Do you know what {a} is?",
    "What's {a}?",
    "Give me a short explanation of {name}.",
    "In one sentence, what is {a}?",
    "What is meant by {name}?",
    "I have read about {name}. What is it?",
    "Explain {name} to me.",
    "What is {name}, please?",
    "I would like to know what {a} is.",
)
DIFFERENCE_WORDINGS = (
    "What is the difference between {a} and {b}?",
    "How do {a} and {b} differ?",
    "{a} or {b}?",
    "{a} vs {b}",
    "Compare {a} and {b}.",
    "How is {a} different from {b}?",
    "Is {a} the same as {b}?",
    "Explain the difference between {a} and {b}.",
    "When do I use {a} and when {b}?",
    "Should I use {a} or {b}?",
    "What is better, {a} or {b}?",
    "Difference between {a} and {b}?",
    "Are {a} and {b} the same?",
    "Tell me how {a} differs from {b}.",
    "In what way do {a} and {b} differ?",
)
THOUGHTS: dict[Kind, str] = {
    "parameter": "The user asks what {a} does. I explain it.",
    "concept": "The user asks what {a} is. I explain it.",
    "difference": "The user asks how {a} and {b} differ. I compare them.",
    "how-to": "The user asks {a}. I give a short answer.",
}


def toolkit(draw: Draw) -> Example:
    topic = draw.choices(TOPICS, [topic.weight for topic in TOPICS])[0]
    greeting = draw.choice(GREETINGS) if draw.random() < GREETED else ""
    return exchange(
        "toolkit",
        greeting + typed(draw, question(draw, topic)),
        draw.choice(topic.answers),
        Check("keywords", [list(group) for group in topic.keywords]),
        short=topic.short,
        thought=THOUGHTS[topic.kind].format(a=topic.with_article, b=topic.names[-1]),
    )


def question(draw: Draw, topic: Topic) -> str:
    if topic.kind == "how-to":
        return draw.wording(topic.questions)
    if topic.kind == "difference":
        a, b = draw.sample(topic.names, 2)
        return draw.wording(DIFFERENCE_WORDINGS).format(a=a, b=b)
    if topic.kind == "parameter":
        return draw.wording(PARAMETER_WORDINGS).format(name=draw.choice(spellings(topic)))
    return draw.wording(CONCEPT_WORDINGS).format(name=draw.choice(topic.names), a=topic.with_article)


def spellings(topic: Topic) -> tuple[str, ...]:
    """The ways in which people write a parameter's name: ``top_p``, top-p, the top_p parameter, and so on."""
    name, *others = topic.names
    bare = [name, name, name] if topic.bare else []
    apart = [name.replace("_", "-"), name.replace("_", " ")] if "_" in name else []
    return (*bare, f"`{name}`", f"the {name} parameter", f"the parameter {name}", *apart, *others)
