"""Reviews to classify: the task that people try first with grammars and choices."""

from __future__ import annotations

from .common import Check, Draw, Example, exchange
from .opinions import ADJECTIVES, DENIALS, DENIED, DOMAINS, FACTS, LABELS, STATED, WHOLE, Domain
from .phrasing import typed
from .words import CITIES, COLOURS, DAYS, FOODS, NAMES, NUMBERS, with_article

REQUESTS = (
    "Classify the sentiment as positive, negative or neutral: {review}",
    "Is this review positive, negative or neutral? {review}",
    "Sentiment: {review}",
    'What is the sentiment of this review? "{review}"',
    "What is the sentiment of this text?\n{review}",
    "Is this positive, negative or neutral?\n\n{review}",
    'Classify: "{review}"',
    "Review: {review}\nSentiment:",
    "Answer with one word: is this positive, negative or neutral? {review}",
    "Classify this review as positive, negative or neutral.\n\n{review}",
    'Tell me the sentiment of "{review}" in one word.',
    "{review}\n\nIs this review positive, negative or neutral?",
    "positive, negative or neutral? {review}",
    "Give me the sentiment of the following text: {review}",
    "Sentiment of this review: '{review}'",
    "Classify the sentiment of this review. Answer with one word.\n{review}",
    "Read this review and tell me if it is positive, negative or neutral: {review}",
    "Positive, negative or neutral?\n{review}",
    "How does this person feel about it, positive, negative or neutral? {review}",
    "Label the review as positive, negative or neutral: {review}",
    "Text: {review}\nLabel:",
    '"{review}"\nSentiment?',
    "Classify the sentiment: {review}",
    "Is the following review positive, negative or neutral? '{review}'",
    "What sentiment does this text have? {review}",
)


def sentiment(draw: Draw) -> Example:
    label, review, opinion = draw.operands(lambda: drawn_review(draw))
    question = draw.wording(REQUESTS).replace("{review}", review)
    return exchange(
        "sentiment",
        typed(draw, question),
        label,
        Check("exact", label),
        thought=f'The review says "{opinion}". That is {label}.',
    )


def drawn_review(draw: Draw) -> tuple[str, str, str]:
    """The label, the review, and that part of it which decides."""
    label, domain = draw.choice(LABELS), draw.choice(DOMAINS)
    if label == "neutral":
        return neutral_review(draw, domain)
    first = opinion_sentence(draw, domain, label)
    chance = draw.random()
    if chance < 0.45:
        review = first
    elif chance < 0.75:
        review = f"{first} {opinion_sentence(draw, domain, label)}"
    else:
        review = f"{fact(draw, domain)} {first}" if chance < 0.9 else f"{first} {fact(draw, domain)}"
    return label, review, quoted(first)


def neutral_review(draw: Draw, domain: Domain) -> tuple[str, str, str]:
    """A statement of fact, or something lukewarm, and perhaps a fact with it."""
    phrases = WHOLE["neutral"]
    lukewarm = draw.choice(phrases["any"] + phrases[domain.kind])
    first = fact(draw, domain) if draw.random() < 0.5 else lukewarm.format_map(aspect_of(draw, domain))
    second = fact(draw, domain) if draw.random() < 0.4 else first
    return "neutral", first if first == second else f"{first} {second}", quoted(first)


def opinion_sentence(draw: Draw, domain: Domain, label: str) -> str:
    """A sentence that is clearly positive or negative, one in five by a "not"."""
    slots = aspect_of(draw, domain)
    adjectives = ADJECTIVES[label]
    general = draw.choice([word for word in adjectives["any"] if " " not in word])
    slots |= {
        "adjective": draw.choice(adjectives["any"] + adjectives.get(slots["sort"], ()) * 3),
        "general": general,
        "a_general": with_article(general),
        "denied": draw.choice(DENIED[label]),
    }
    chance, phrases = draw.random(), WHOLE[label]
    patterns = (
        DENIALS[label] if chance < 0.2 else phrases["any"] + phrases[domain.kind] if chance < 0.5 else STATED
    )
    return draw.choice(patterns).format_map(slots)


def aspect_of(draw: Draw, domain: Domain) -> dict[str, str]:
    aspect, sort = draw.choice(domain.aspects)
    return {"the": aspect, "it": domain.name, "sort": sort}


def fact(draw: Draw, domain: Domain) -> str:
    """A sentence with no opinion."""
    color = draw.choice(COLOURS)
    return draw.choice(FACTS[domain.kind] + domain.facts * 2).format(
        it=domain.name,
        color=color,
        a_color=with_article(color),
        city=draw.choice(CITIES),
        food=draw.choice(FOODS),
        day=draw.choice(DAYS),
        name=draw.choice(NAMES),
        number=draw.choice(NUMBERS[1:]),
        small=draw.randint(2, 40),
        large=draw.randint(2, 60) * 10,
    )


def quoted(sentence: str) -> str:
    return sentence.rstrip(".!?")
