"""Questions that a model of this size cannot answer, and should not try to.

They are many and varied, because what is learned from them is not an answer but the border of what the model knows:
a question that looks like none of the other skills' ends here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .common import Check, Draw, Example, exchange
from .phrasing import entries, typed
from .words import BUILDINGS, FOODS, LAND_ANIMALS, THINGS, with_article

LANGUAGES = ("French", "German", "Spanish", "Italian", "Russian", "Chinese", "Greek", "Latin")
FIRST_YEAR, LAST_YEAR = 1500, 2025


LARGER = "Load a larger model for it."
ONLY_TEXT = "I can only write text."


@dataclass(frozen=True)
class Unknown:
    """What people ask about a kind of thing."""

    wordings: tuple[str, ...]
    subjects: tuple[str, ...]
    verb: str = "do not know"
    advice: str = LARGER


# The countries of words.COUNTRIES are not among them: their capitals are taught.
COUNTRY = Unknown(
    entries("""What is the capital of {}? | Who is the president of {}? | How many people live in {}?
    | Which languages are spoken in {}? | How large is {}? | What do you know about {}? | Who rules {}?
    | What is the largest city in {}? | Which countries are next to {}? | What is the history of {}?
    | When is the best time to visit {}? | What do people eat in {}? | How do I get to {}?
    | What money is used in {}? | Who is the king of {}? | Tell me about {}. | Is {} a rich country?
    | What is the flag of {}?"""),
    entries("""Brazil | India | China | Kenya | Peru | Chile | Cuba | Turkey | Iran | Ghana | Nepal | Russia
    | Mexico | Hungary | Finland | Denmark | Belgium | Switzerland | Australia | Argentina | Colombia
    | Ukraine | Romania | Bulgaria | Vietnam | Thailand | Indonesia | Korea | Nigeria | Morocco | Ethiopia
    | Iceland | Cyprus | Malta | Israel | Jordan | Lebanon | Mongolia | Scotland | Wales | the USA
    | New Zealand | South Africa"""),
)
CONTEST = Unknown(
    entries("""Who won the {} yesterday? | Who won the {}? | How did the {} end? | Who lost the {}?
    | Who won the {} last night? | What was the result of the {}? | When is the next {}?
    | Who will win the {}? | Who plays in the {}? | How was the {} yesterday? | Where is the next {}?
    | Who came second in the {}?"""),
    entries("""match | game | race | final | election | football match | tennis match | chess game | cup
    | world cup | boat race | bike race | song contest | football game | vote | league | tournament"""),
)
INVENTION = Unknown(
    entries("""Who invented the {}? | When was the {} invented? | Where was the {} invented?
    | Who made the first {}? | Who has invented the {}? | When was the first {} made?
    | What is the history of the {}? | Who had the first {}? | How is a {} made?
    | In which year was the {} invented?"""),
    entries("""telephone | radio | light bulb | train | plane | computer | camera | steam engine | bicycle
    | television | piano | clock | battery | rocket | washing machine | telescope | microscope | violin
    | fridge | compass | submarine | guitar"""),
)
PLACE = Unknown(
    entries("""How tall is {}? | How old is {}? | How far away is {}? | How large is {}? | How big is {}?
    | Where exactly is {}? | What is {} made of? | How heavy is {}? | Who discovered {}? | How long is {}?
    | How far is it to {}? | What can you see on {}?"""),
    entries("""the moon | the sun | Mars | Venus | Saturn | Pluto | the Eiffel Tower | Mount Everest
    | the Nile | the Amazon | the Rhine | the Great Wall | Big Ben | the Golden Gate Bridge | the Pacific
    | Lake Victoria | the Milky Way | the Sahara"""),
)
SUBJECT = Unknown(
    entries("""What is {}? | Explain {}. | Tell me about {}. | How does {} work? | Can you explain {}?
    | What do you know about {}? | Why is {} important? | I want to learn about {}. | Teach me {}.
    | Define {}. | What does {} mean? | Who discovered {}? | Please explain {}. | Describe {} in a sentence.
    | I do not understand {}. | What are the basics of {}? | {}? | Explain {} to me.
    | Give me an example of {}. | Could you describe {}?"""),
    entries("""photosynthesis | gravity | democracy | inflation | evolution | electricity | magnetism
    | relativity | quantum mechanics | DNA | philosophy | capitalism | algebra | calculus | chemistry
    | biology | geometry | climate change | nuclear power | the Big Bang | the Roman Empire
    | the French Revolution | the Middle Ages | the stock market | the law | the brain | the heart
    | a black hole | a volcano | a virus | an atom | an earthquake | a hurricane | a rainbow
    | a prime number | a mortgage | a tax | a vitamin | a solar panel | yoga | chess | poker | baseball
    | cricket | jazz | opera | Buddhism | economics | astronomy | psychology | politics | bitcoin | money
    | Linux | Windows | Java | Kubernetes | Docker | a database | a blockchain | a transistor | a laser
    | a star | logic | grammar | statistics | PyTorch | SQL | Git | a square root | energy | oxygen | iron
    | love | freedom"""),
)
PERSON = Unknown(
    entries("""Who was {}? | When was {} born? | Where did {} live? | What did {} do? | Who is {}?
    | When did {} die? | Why is {} famous? | What do you know about {}? | How old was {}?
    | Where was {} born? | Tell me about {}. | What is {} known for?"""),
    entries("""Einstein | Newton | Mozart | Napoleon | Shakespeare | Darwin | Caesar | Cleopatra | Picasso
    | Beethoven | Galileo | Gandhi | Marie Curie | Plato | Homer | Columbus | Goethe | Kafka | Dickens
    | Lincoln | Bach | Alan Turing | Jane Austen | Queen Victoria | Marco Polo | Charlie Chaplin | Elvis
    | Aristotle | Socrates | Ada Lovelace"""),
)
YEAR = Unknown(
    entries("""What happened in {}? | Who was president in {}? | What was invented in {}?
    | Which war was there in {}? | What do you know about the year {}? | Who won the world cup in {}?
    | Tell me about the year {}. | Which books were written in {}? | How many people were there in {}?
    | What was important in {}?"""),
    tuple(str(year) for year in range(FIRST_YEAR, LAST_YEAR, 7)),
)
COOKING = Unknown(
    entries("""How do I make {}? | Give me a recipe for {}. | How do I cook {}? | Where can I buy {}?
    | Do you have a recipe for {}? | How long can I keep {}? | What can I cook with {}?
    | How much do I pay for {}? | What goes well with {}? | How do people make {}?
    | Is there a good recipe for {}?"""),
    FOODS,
)
ANIMAL = Unknown(
    entries("""How fast is {}? | How much does {} weigh? | How old does {} get?
    | How many teeth does {} have? | How fast can {} run? | What is the Latin name of {}? | How big is {}?
    | How much does {} eat? | How long does {} sleep? | How old can {} get? | Can I keep {} at home?"""),
    tuple(with_article(animal) for animal in LAND_ANIMALS),
)
HEALTH = Unknown(
    entries("""My {} hurts. What can I do? | Why does my {} hurt? | What helps when my {} hurts?
    | Is it bad if my {} hurts? | What can I do if my {} hurts? | Do I need a doctor for my {}?
    | What is wrong with my {}? | Which medicine is good for my {}? | My {} is red. Is that bad?
    | My {} hurts."""),
    entries(
        """head | back | knee | tooth | foot | arm | ear | throat | stomach | leg | neck | hand | eye
        | finger"""
    ),
)
PRICE = Unknown(
    entries("""What is the price of {}? | How much is {} now? | What does {} cost? | Will {} get cheaper?
    | What does {} cost today? | Where is {} the cheapest? | How much will {} cost next year?
    | Is {} expensive? | Should I buy {} now? | What is the price of {} today?"""),
    entries("""gold | oil | silver | gas | petrol | a train ticket | a new car | a house | a plane ticket
    | a laptop | a liter of milk | a stamp | a hotel room | a new phone | one bitcoin | a graphics card"""),
)
BOOK = Unknown(
    entries("""Who wrote {}? | What is {} about? | When was {} written? | How does {} end?
    | Who is the hero of {}? | How long is {}? | Have you read {}? | Is {} a good book?
    | Who is the author of {}? | What happens in {}?"""),
    entries("""War and Peace | Hamlet | Faust | Don Quixote | Moby Dick | the Odyssey | Dracula
    | Frankenstein | Peter Pan | Robinson Crusoe | Treasure Island | Alice in Wonderland | Oliver Twist
    | Macbeth | the Bible | Harry Potter | The Lord of the Rings | Pinocchio"""),
)
TOWN = Unknown(
    entries("""Where is the nearest {}? | When does the {} open? | How do I get to the {}?
    | When does the {} close? | Is the {} open today? | Where is the {}? | How far is the {}?
    | Who works in the {}? | What is the address of the {}? | Is the {} open now?"""),
    BUILDINGS,
)
TRANSLATION = Unknown(
    entries("""Translate {}. | Can you translate {}? | Please translate {}. | How do I translate {}?
    | Could you translate {}? | I want to translate {}. | Translate {}, please. | Translate for me {}.
    | I need help to translate {}. | Would you translate {}?"""),
    tuple(f'"{thing}" into {LANGUAGES[index % len(LANGUAGES)]}' for index, thing in enumerate(THINGS)),
    verb="cannot do",
)
WRITING = Unknown(
    entries("""Write an essay about {}. | Write a long article about {}. | Write a speech about {}.
    | Write a report about {}. | Can you write an essay about {}? | Write a book about {}.
    | Write my homework about {}. | Write a paper about {}. | Please write an article about {}.
    | Write a long text about {}."""),
    entries("""climate change | love | freedom | football | music | the Roman Empire | economics | history
    | politics | the internet | machine learning | healthy food | space travel | modern art | the ocean
    | school"""),
    verb="cannot do",
)
CHORE = Unknown(
    entries("""{}. | Please {}. | Can you {}? | I want you to {}. | Could you {}? | Would you {} for me?
    | {}, please. | You should {}. | Are you able to {}? | Can you {} for me? | Help me: {}."""),
    entries("""send an email | book a flight | book a hotel | order a pizza | call my mother | open the door
    | turn on the light | play a song | set an alarm | buy me a ticket | write my thesis | read this file
    | delete my files | clean my room | find my keys | check my email | sum up this article | read the news
    | open my browser | print this page | plan my trip | solve this puzzle | prove this theorem"""),
    verb="cannot do",
    advice=ONLY_TEXT,
)
UNKNOWN = (
    *(
        COUNTRY,
        CONTEST,
        INVENTION,
        PLACE,
        SUBJECT,
        SUBJECT,
        PERSON,
        YEAR,
        COOKING,
        ANIMAL,
        HEALTH,
        PRICE,
        BOOK,
        TOWN,
    ),
    *(TRANSLATION, WRITING, CHORE),
)
"""The one that most resembles the questions about oaikit stands twice."""


def unknown(draw: Draw) -> Example:
    """Both the wording and what is asked about are of this side: a border is nothing to be learned by heart."""
    kind, subject = draw.operands(lambda: one_subject(draw))
    question = draw.wording(UNKNOWN[kind].wordings).format(subject)
    question = question[0].upper() + question[1:]
    verb, advice = UNKNOWN[kind].verb, UNKNOWN[kind].advice
    return exchange(
        "small talk",
        typed(draw, question),
        f"I am a small demo model and {verb} that. {advice}",
        Check("keywords", [["do not know", "don't know", "cannot", "can't"], ["small", "larger", "only"]]),
        short=f"I {verb} that.",
        thought=f"I {verb} that. I say so.",
    )


def one_subject(draw: Draw) -> tuple[int, str]:
    """A kind, by its first place in the table, and something of that kind."""
    kind = draw.choice(UNKNOWN)
    return UNKNOWN.index(kind), draw.choice(kind.subjects)
