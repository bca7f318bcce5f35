"""The tools that users write as examples: their names, parameters and the requests that call for them.

The module is long because it is a table: every tool is one entry, and no entry does anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase

from .common import Draw
from .words import ADJECTIVES, ANIMALS, CITIES, COLOURS, COUNTRIES, DAYS, FOODS, NAMES, THINGS

Value = str | int | float | bool


@dataclass(frozen=True)
class Slot:
    """A parameter of a tool. Wordings call it by the first of its names."""

    names: tuple[str, ...]
    """What the parameter may be called. Slots of one tool with equally many names (from, to) are named alike."""
    draw: Callable[[Draw], Value]
    type: str = "string"
    choices: tuple[str, ...] = ()
    """The values of an enum."""
    spoken: Mapping[Value, tuple[str, ...]] = field(default_factory=dict)
    """How a user says a value, where that isn't the value itself."""
    asides: tuple[str, ...] = ()
    """What a user adds to the request to set this parameter. A parameter with asides is optional."""


@dataclass(frozen=True)
class Tool:
    topic: str
    """Tells the tools of the catalogue apart, whatever they are called in an example."""
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    wants: str
    """What the user wants, for the thought before the call."""
    slots: tuple[Slot, ...]
    wordings: tuple[str, ...]
    rivals: tuple[str, ...] = ()
    """Topics of the tools that could serve the same request."""
    lists: str = ""
    """The slot of which a request can name several: "the weather in Paris and Rome"."""
    done: str = ""
    """What is said after a call that returned nothing but its success. Empty if such a call returns something."""


HOME = (
    *("kitchen", "bedroom", "bathroom", "office", "garage", "garden", "cellar", "hall", "attic", "workshop"),
    *("living room", "dining room"),
)
"""Rooms with a light and a heating."""
LANGUAGES = ("French", "German", "Spanish", "Italian", "Greek", "Polish", "Dutch", "Japanese", "English")
LENGTHS = {"meters": 1.0, "kilometers": 1000.0, "miles": 1609.344, "feet": 0.3048, "inches": 0.0254}
"""Units, in meters."""
CURRENCIES: Mapping[Value, tuple[str, ...]] = {
    "USD": ("dollars", "US dollars", "USD"),
    "EUR": ("euros", "euros", "EUR"),
    "GBP": ("pounds", "British pounds", "GBP"),
    "JPY": ("yen", "yen", "JPY"),
    "CHF": ("Swiss francs", "francs", "CHF"),
    "INR": ("rupees", "rupees", "INR"),
}
COMPANIES: Mapping[Value, tuple[str, ...]] = {
    "AAPL": ("Apple", "AAPL"),
    "MSFT": ("Microsoft", "MSFT"),
    "GOOGL": ("Google", "GOOGL"),
    "AMZN": ("Amazon", "AMZN"),
    "NVDA": ("Nvidia", "NVDA"),
    "TSLA": ("Tesla", "TSLA"),
    "INTC": ("Intel", "INTC"),
    "IBM": ("IBM",),
}
OTHER_COMPANIES = ("Sony", "Toyota", "Siemens", "Samsung", "Shell", "Bosch", "Nokia", "Ford", "Lego")
SONGS = ("Yesterday", "Imagine", "Hey Jude", "Waterloo", "Summertime", "Moon River", "Hallelujah", "Africa")
ARTISTS = ("Queen", "Abba", "Mozart", "Bach", "Madonna", "Prince", "Adele", "the Beatles")
TOPICS = ("sports", "music", "science", "politics", "weather", "football", "space", "health", "cars", "films")
DISHES = (
    *("pizzas", "salads", "soups", "cakes", "teas", "coffees", "burgers"),
    *("sandwiches", "apples", "pears", "plums", "eggs", "carrots"),
)
"""What can be counted."""
EVENTS = ("Meeting", "Lunch", "Dinner", "Party", "Yoga", "Dentist", "Exam", "Concert", "Birthday", "Football")
FILES = ("notes", "report", "data", "letter", "plan", "list", "photo", "song", "main", "test", "draft")
ENDINGS = ("txt", "csv", "pdf", "py", "md", "png", "json")
MESSAGES = (
    "I will be late",
    "I am at home",
    "See you at {time}",
    "See you on {day}",
    "Happy birthday",
    "I am on my way to {city}",
    "Call me at {time}",
    "The meeting is at {time}",
    "The meeting is on {day}",
    "Please bring the {thing}",
    "Please bring {food}",
    "I have found the {thing}",
    "The {thing} is {color}",
    "The {animal} is hungry",
    "Thank you for the {thing}",
    "Dinner is at {time}",
    "I am in {city}",
    "{name} is here",
    "Where is the {thing}",
    "We need {food}",
)
CHORES = (
    "call {name}",
    "buy {food}",
    "feed the {animal}",
    "clean the {room}",
    "write to {name}",
    "repair the {thing}",
    "pay the bill",
    "go for a walk",
    "water the garden",
    "book a flight to {city}",
)
QUERIES = (
    "{adjective} {thing}",
    "{color} {thing}",
    "hotels in {city}",
    "cheap hotels in {city}",
    "museums in {city}",
    "history of {country}",
    "how to cook {food}",
    "{food} recipe",
    "what does a {animal} eat",
    "train to {city}",
    "{animal} pictures",
    "holidays in {country}",
)
WORDS: Mapping[str, tuple[str, ...]] = {
    "day": DAYS,
    "city": CITIES,
    "country": COUNTRIES,
    "thing": THINGS,
    "food": FOODS,
    "animal": ANIMALS,
    "color": COLOURS,
    "adjective": ADJECTIVES,
    "name": NAMES,
    "room": HOME,
}


def clock(draw: Draw) -> str:
    hour, minute = draw.randint(6, 23), draw.choice((0, 0, 15, 30, 45))
    if draw.random() < 0.2:
        return f"{draw.randint(1, 12)} {draw.choice(('am', 'pm'))}"
    return f"{hour}:{minute:02}"


def filled(draw: Draw, template: str) -> str:
    """The template with a word in each of its gaps."""
    words = {key: draw.choice(pool) for key, pool in WORDS.items()}
    return with_articles(template.format(time=clock(draw), **words))


def with_articles(text: str) -> str:
    """The text with "an" where a vowel follows."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def listed(words: list[str]) -> str:
    """The words as a person lists them: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def one_of(words: tuple[str, ...]) -> Callable[[Draw], Value]:
    return lambda draw: draw.choice(words)


def filling(templates: tuple[str, ...]) -> Callable[[Draw], Value]:
    return lambda draw: filled(draw, draw.choice(templates))


def whole(low: int, high: int, step: int = 1) -> Callable[[Draw], Value]:
    return lambda draw: draw.randrange(low, high + 1, step)


def amount(draw: Draw) -> Value:
    """A round number or one with a decimal, as sums of money are."""
    return draw.choice((draw.randint(2, 99), draw.randrange(100, 1001, 50), draw.randint(20, 999) + 0.5))


def expression(draw: Draw) -> Value:
    return f"{draw.randint(2, 999)} {draw.choice('+-*')} {draw.randint(2, 99)}"


def symbol(draw: Draw) -> Value:
    """A company's, or letters that must be copied."""
    if draw.random() < 0.5:
        return draw.choice(tuple(COMPANIES))
    return "".join(draw.choices(ascii_uppercase, k=draw.randint(3, 4)))


def file_name(draw: Draw) -> Value:
    number = draw.choice(("", "", str(draw.randint(1, 9))))
    return f"{draw.choice(FILES)}{number}.{draw.choice(ENDINGS)}"


def phrase(draw: Draw) -> Value:
    return draw.choice((draw.choice(THINGS), draw.choice(ANIMALS), filled(draw, draw.choice(MESSAGES))))


CITY = ("city", "location", "place", "city", "town")
WHO = ("to", "recipient", "name", "person")
DAY = Slot(
    ("day", "date", "day", "when"),
    one_of(("today", "tomorrow", *DAYS)),
    spoken={day: (f"on {day}",) for day in DAYS},
    asides=("{day}",),
)
ROOM = Slot(("room", "location", "room", "place"), one_of(HOME))

WEATHER = Tool(
    "weather",
    (
        "get_weather",
        "weather",
        "get_current_weather",
        "fetch_weather",
        "lookup_weather",
        "get_weather",
        "check_weather",
        "get_forecast",
    ),
    (
        "Get the weather in a city.",
        "Get the current weather.",
        "Current weather for a place.",
        "Look up the weather.",
        "Returns the weather in a city.",
        "Get the current weather in a given location.",
    ),
    "the weather",
    (
        Slot(CITY, one_of(CITIES)),
        Slot(
            ("unit", "units"),
            one_of(("celsius", "fahrenheit")),
            choices=("celsius", "fahrenheit"),
            spoken={"celsius": ("celsius", "Celsius"), "fahrenheit": ("fahrenheit", "Fahrenheit")},
            asides=("in {unit}", "in degrees {unit}"),
        ),
        DAY,
    ),
    (
        "What is the weather in {city}?",
        "What's the weather in {city}?",
        "How is the weather in {city}?",
        "What's the weather like in {city}?",
        "Tell me the weather in {city}.",
        "What is the weather like in {city}?",
        "Is it raining in {city}?",
        "Weather in {city}",
        "How warm is it in {city}?",
        "Is it cold in {city}?",
        "Is it sunny in {city}?",
        "What is the temperature in {city}?",
        "Please check the weather in {city}.",
        "Show me the weather for {city}.",
        "Can you tell me the weather in {city}?",
        "Get the weather for {city}.",
    ),
    lists="city",
)
TIME = Tool(
    "time",
    ("get_time", "get_current_time", "time_in", "local_time", "fetch_time", "lookup_time"),
    (
        "Get the time in a city.",
        "Get the current time.",
        "Local time of a place.",
        "Returns the time in a city.",
    ),
    "the time",
    (Slot(CITY, one_of(CITIES)),),
    (
        "What time is it in {city}?",
        "What is the time in {city}?",
        "How late is it in {city}?",
        "Tell me the time in {city}.",
        "What is the local time in {city}?",
        "What's the time in {city}?",
        "Time in {city}",
        "Can you tell me the time in {city}?",
        "What time is it now in {city}?",
        "Do you know what time it is in {city}?",
        "Please look up the time in {city}.",
    ),
    rivals=("now",),
    lists="city",
)
NOW = Tool(
    "now",
    ("get_time", "current_time", "get_current_time", "now", "clock"),
    ("Get the current time.", "Tell the time.", "Returns the time now."),
    "the time",
    (),
    (
        "What time is it?",
        "Can you tell me what time it is?",
        "Tell me the time.",
        "What time is it now?",
        "What is the time?",
        "What's the time?",
        "How late is it?",
        "Do you know what time it is?",
        "Please tell me the time.",
        "What is the current time?",
    ),
    rivals=("time",),
)
ADD = Tool(
    "add",
    ("add", "add_numbers", "sum", "plus", "addition", "add"),
    ("Add two numbers.", "Adds two numbers.", "The sum of two numbers.", "Add a and b."),
    "a sum",
    (
        Slot(("a", "x", "first", "a"), whole(0, 999), "integer"),
        Slot(("b", "y", "second", "b"), whole(0, 999), "integer"),
    ),
    (
        "What is {a} + {b}?",
        "Add {a} and {b}.",
        "What is {a} plus {b}?",
        "How much is {a} + {b}?",
        "What is the sum of {a} and {b}?",
        "{a} + {b}",
        "Please add {a} and {b}.",
        "Calculate {a} + {b}.",
        "How much is {a} plus {b}?",
        "Can you add {a} and {b}?",
        "Use the tool to add {a} and {b}.",
        "{a} plus {b}",
    ),
    rivals=("calculate",),
)
MULTIPLY = Tool(
    "multiply",
    ("multiply", "multiply_numbers", "product", "times", "mul", "multiply"),
    ("Multiply two numbers.", "Multiplies two numbers.", "The product of two numbers.", "Multiply a by b."),
    "a product",
    (
        Slot(("a", "x", "first", "a"), whole(0, 999), "integer"),
        Slot(("b", "y", "second", "b"), whole(0, 99), "integer"),
    ),
    (
        "What is {a} * {b}?",
        "Multiply {a} by {b}.",
        "What is {a} times {b}?",
        "How much is {a} * {b}?",
        "What is the product of {a} and {b}?",
        "{a} * {b}",
        "Please multiply {a} and {b}.",
        "Calculate {a} * {b}.",
        "How much is {a} times {b}?",
        "Can you multiply {a} by {b}?",
        "Multiply {a} and {b}.",
        "{a} times {b}",
    ),
    rivals=("calculate",),
)
CALCULATE = Tool(
    "calculate",
    ("calculate", "calculator", "calc", "compute", "evaluate", "solve"),
    ("Calculate an expression.", "Evaluate a math expression.", "A calculator.", "Compute the result."),
    "a calculation",
    (Slot(("expression", "expr", "formula", "expression", "input"), expression),),
    (
        "What is {expression}?",
        "Calculate {expression}.",
        "How much is {expression}?",
        "{expression}",
        "Compute {expression}.",
        "Please calculate {expression}.",
        "What does {expression} make?",
        "Can you calculate {expression}?",
        "{expression} = ?",
        "Tell me what {expression} is.",
        "Use the calculator: {expression}",
        "Work out {expression}.",
    ),
    rivals=("add", "multiply"),
)
CURRENCY = Tool(
    "currency",
    ("convert_currency", "convert_money", "exchange", "currency_converter", "exchange_money", "convert"),
    ("Convert money.", "Convert an amount to another currency.", "Convert between currencies."),
    "money converted",
    (
        Slot(("amount", "value", "amount", "amount"), amount, "number"),
        Slot(
            ("from", "from_currency", "source", "base"),
            one_of(tuple(map(str, CURRENCIES))),
            spoken=CURRENCIES,
        ),
        Slot(
            ("to", "to_currency", "target", "target"), one_of(tuple(map(str, CURRENCIES))), spoken=CURRENCIES
        ),
    ),
    (
        "Convert {amount} {from} to {to}.",
        "How much is {amount} {from} in {to}?",
        "What are {amount} {from} in {to}?",
        "Change {amount} {from} into {to}.",
        "How many {to} are {amount} {from}?",
        "{amount} {from} in {to}",
        "Please convert {amount} {from} into {to}.",
        "What is {amount} {from} in {to}?",
        "Can you convert {amount} {from} to {to}?",
        "{amount} {from} to {to}, please.",
        "How many {to} do I get for {amount} {from}?",
    ),
    rivals=("lengths",),
)
LENGTH = Tool(
    "lengths",
    ("convert_units", "convert_length", "unit_converter", "convert", "convert_unit"),
    ("Convert a length.", "Convert between units.", "Convert a value to another unit."),
    "a length converted",
    (
        Slot(("value", "amount", "value", "number"), amount, "number"),
        Slot(("from", "from_unit", "source", "unit"), one_of(tuple(LENGTHS))),
        Slot(("to", "to_unit", "target", "target"), one_of(tuple(LENGTHS))),
    ),
    (
        "Convert {value} {from} to {to}.",
        "How much is {value} {from} in {to}?",
        "What are {value} {from} in {to}?",
        "How many {to} are {value} {from}?",
        "Change {value} {from} into {to}.",
        "{value} {from} in {to}",
        "Please convert {value} {from} into {to}.",
        "What is {value} {from} in {to}?",
        "How long are {value} {from} in {to}?",
        "Can you convert {value} {from} to {to}?",
    ),
    rivals=("currency", "length of"),
)
MESSAGE = Tool(
    "message",
    ("send_message", "message", "send_text", "text_message", "send_sms", "write_message"),
    ("Send a message.", "Send a text message.", "Send a message to a person."),
    "to send a message",
    (Slot(WHO, one_of(NAMES)), Slot(("text", "message", "content", "body"), filling(MESSAGES))),
    (
        'Send a message to {to}: "{text}"',
        "Send {to} a message: {text}",
        'Tell {to} "{text}".',
        "Text {to}: {text}",
        'Write a message to {to} that says "{text}".',
        'Send the message "{text}" to {to}.',
        "Send a message to {to}: {text}",
        'Please text {to} "{text}".',
        'Can you send "{text}" to {to}?',
        "Please send {to} this message: {text}",
        "Message to {to}: {text}",
        'Please tell {to} this: "{text}"',
    ),
    rivals=("email",),
    lists="to",
    done="I have sent the message to {to}.",
)
EMAIL = Tool(
    "email",
    ("send_email", "email", "write_email", "send_mail", "mail"),
    ("Send an email.", "Write an email to a person.", "Send an email with a subject."),
    "to send an email",
    (
        Slot(WHO, one_of(NAMES)),
        Slot(
            ("subject", "title", "subject", "topic"),
            filling(("{adjective} {thing}", "{city}", *EVENTS, "{food}")),
        ),
        Slot(
            ("body", "text", "content", "message"),
            filling(MESSAGES),
            asides=('and the text "{body}"', 'saying "{body}"'),
        ),
    ),
    (
        'Send an email to {to} with the subject "{subject}".',
        'Write an email to {to} with the subject "{subject}".',
        'Email {to} with the subject "{subject}".',
        'Send {to} an email with the subject "{subject}".',
        'Please send an email to {to}, subject "{subject}".',
        'Please write {to} an email with the subject "{subject}".',
        'Can you email {to} with the subject "{subject}"?',
        'I want to send {to} an email with the subject "{subject}".',
        'Mail {to} with the subject "{subject}".',
        'Could you send {to} an email with the subject "{subject}"?',
    ),
    rivals=("message",),
    done="I have sent the email to {to}.",
)
TIMER = Tool(
    "timer",
    ("set_timer", "start_timer", "timer", "create_timer", "new_timer"),
    ("Set a timer.", "Start a timer for some minutes.", "Set a timer in minutes."),
    "a timer",
    (Slot(("minutes", "duration", "minutes", "time"), whole(2, 120), "integer"),),
    (
        "Set a timer for {minutes} minutes.",
        "Start a timer for {minutes} minutes.",
        "Set a {minutes} minute timer.",
        "Timer for {minutes} minutes",
        "Please set a timer for {minutes} minutes.",
        "Give me a timer of {minutes} minutes.",
        "Can you set a timer for {minutes} minutes?",
        "I need a timer for {minutes} minutes.",
        "{minutes} minutes on the timer, please.",
        "Start a {minutes} minute timer.",
        "Set the timer to {minutes} minutes.",
    ),
    done="I have set a timer for {minutes} minutes.",
)
ALARM = Tool(
    "alarm",
    ("set_alarm", "alarm", "create_alarm", "wake_up", "add_alarm"),
    ("Set an alarm.", "Set an alarm for a time.", "Wake the user at a time."),
    "an alarm",
    (Slot(("time", "at", "hour", "time"), clock), DAY),
    (
        "Set an alarm for {time}.",
        "Wake me at {time}.",
        "Set the alarm to {time}.",
        "Please wake me up at {time}.",
        "Set my alarm for {time}.",
        "Can you set an alarm for {time}?",
        "I need an alarm at {time}.",
        "Alarm at {time}",
        "I want to get up at {time}.",
        "Could you wake me at {time}?",
        "Create an alarm for {time}.",
    ),
    done="I have set an alarm for {time}.",
)
SEARCH = Tool(
    "search",
    ("search", "web_search", "search_web", "google", "search_internet", "find"),
    ("Search the web.", "Search the internet.", "Find pages on the web.", "Web search."),
    "a search",
    (
        Slot(("query", "q", "text", "query", "keywords"), filling(QUERIES)),
        Slot(
            ("count", "limit", "max_results", "n"),
            whole(2, 20),
            "integer",
            asides=("and show {count} results", "with {count} results"),
        ),
    ),
    (
        'Search for "{query}".',
        "Search the web for {query}.",
        'Search the internet for "{query}".',
        "Please search for {query}.",
        'Find "{query}" on the web.',
        "Search for {query}.",
        "Look up {query} on the web.",
        'Google "{query}".',
        "Can you search for {query}?",
        "Do a web search for {query}.",
        'Search "{query}".',
    ),
    rivals=("news", "define"),
)
TRANSLATE = Tool(
    "translate",
    ("translate", "translate_text", "translator", "get_translation", "translation"),
    ("Translate a text.", "Translate text into a language.", "Translate words."),
    "a translation",
    (
        Slot(("text", "phrase", "input", "text"), phrase),
        Slot(("language", "target_language", "to", "target"), one_of(LANGUAGES)),
    ),
    (
        'Translate "{text}" into {language}.',
        'How do you say "{text}" in {language}?',
        'What is "{text}" in {language}?',
        'Say "{text}" in {language}.',
        'What does "{text}" mean in {language}?',
        'Please translate "{text}" to {language}.',
        "Translate to {language}: {text}",
        'Can you translate "{text}" into {language}?',
        "Translate into {language}: {text}",
        'Put "{text}" into {language}.',
        'Translate the text "{text}" to {language}.',
    ),
)
STOCK = Tool(
    "stock",
    ("get_stock_price", "stock_price", "get_stock", "lookup_stock", "get_share_price"),
    ("Get the price of a stock.", "Get a stock price.", "Current price of a share."),
    "a stock price",
    (Slot(("symbol", "ticker", "symbol", "stock"), symbol, spoken=COMPANIES),),
    (
        "What is the stock price of {symbol}?",
        "What is the price of {symbol} stock?",
        "How much is a share of {symbol}?",
        "Get the stock price of {symbol}.",
        "What does {symbol} stock cost?",
        "How is {symbol} stock doing?",
        "Show me the stock price of {symbol}.",
        "{symbol} stock price",
        "Look up the stock price of {symbol}.",
        "Can you check the stock of {symbol}?",
        "Tell me the share price of {symbol}.",
    ),
    rivals=("company", "price of", "value of"),
    lists="symbol",
)
COMPANY = Tool(
    "company",
    ("get_stock_price", "stock_price", "get_share_price", "lookup_company"),
    ("Get the stock price of a company.", "Share price of a company."),
    "a stock price",
    (
        Slot(
            ("company", "name", "company_name", "company"),
            one_of((*(names[0] for names in COMPANIES.values()), *OTHER_COMPANIES)),
        ),
    ),
    tuple(wording.replace("{symbol}", "{company}") for wording in STOCK.wordings),
    rivals=("stock", "price of", "value of"),
    lists="company",
)
TABLE = Tool(
    "table",
    ("book_table", "reserve_table", "book_restaurant", "make_reservation", "reserve"),
    ("Book a table.", "Reserve a table in a restaurant.", "Book a table at a restaurant."),
    "a table",
    (
        Slot(("people", "guests", "persons", "party_size"), whole(2, 20), "integer"),
        Slot(("time", "time", "at", "hour"), clock),
        Slot(("name", "customer", "for_name", "name"), one_of(NAMES), asides=("under the name {name}",)),
        DAY,
    ),
    (
        "Book a table for {people} at {time}.",
        "Reserve a table for {people} people at {time}.",
        "I need a table for {people} at {time}.",
        "Please book a table for {people} people at {time}.",
        "Can you reserve a table for {people} at {time}?",
        "We are {people} people and want a table at {time}.",
        "A table for {people} at {time}, please.",
        "Can you book a table at {time} for {people} people?",
        "Book us a table at {time} for {people}.",
        "Make a reservation for {people} people at {time}.",
    ),
    done="I have booked a table for {people} at {time}.",
)
MUSIC = Tool(
    "music",
    ("play_music", "play_song", "play", "start_song", "music"),
    ("Play a song.", "Play music.", "Play a song by its title."),
    "music",
    (
        Slot(
            ("song", "title", "track", "song"), filling((*SONGS, "{adjective} {thing}", "{color} {animal}"))
        ),
        Slot(("artist", "by", "band", "artist"), one_of(ARTISTS), asides=("by {artist}",)),
    ),
    (
        "Play {song}.",
        'Play the song "{song}".',
        "Please play {song}.",
        "Can you play {song}?",
        'I want to hear "{song}".',
        "I want to listen to {song}.",
        'Put on "{song}".',
        "Start the song {song}.",
        "Let me hear {song}.",
        "Could you play the song {song}?",
        'Play "{song}".',
    ),
    done="Now I play {song}.",
)
STOP = Tool(
    "stop",
    ("stop_music", "stop", "pause_music", "music_off", "pause"),
    ("Stop the music.", "Pause the music."),
    "to stop the music",
    (),
    (
        "Stop the music.",
        "Please stop the music.",
        "Turn off the music.",
        "No more music, please.",
        "Can you stop the music?",
        "Pause the music.",
        "Stop playing.",
        "Switch the music off.",
        "Please pause the music.",
        "Could you turn the music off?",
    ),
    done="The music is off.",
)
VOLUME = Tool(
    "volume",
    ("set_volume", "volume", "change_volume", "adjust_volume"),
    ("Set the volume.", "Change the volume.", "Set the volume in percent."),
    "another volume",
    (Slot(("level", "volume", "percent", "value"), whole(0, 100), "integer"),),
    (
        "Set the volume to {level}.",
        "Set the volume to {level} percent.",
        "Change the volume to {level}.",
        "Volume {level}",
        "Please turn the volume to {level}.",
        "Make the volume {level}.",
        "Can you set the volume to {level}?",
        "Put the volume at {level} percent.",
        "Volume to {level}, please.",
        "Turn the volume to {level} percent.",
    ),
    done="The volume is {level} now.",
)
LIGHT_ON = Tool(
    "light on",
    ("turn_on_light", "light_on", "switch_on_light", "turn_on_the_light"),
    ("Turn on the light in a room.", "Switch the light on."),
    "the light on",
    (ROOM,),
    (
        "Turn on the light in the {room}.",
        "Switch on the light in the {room}.",
        "Please turn on the {room} light.",
        "Light on in the {room}",
        "Can you turn the light on in the {room}?",
        "Turn the {room} light on.",
        "It is dark in the {room}.",
        "I need light in the {room}.",
        "Please switch the light on in the {room}.",
        "Put the light on in the {room}.",
    ),
    rivals=("light",),
    lists="room",
    done="The light in the {room} is on.",
)
LIGHT = Tool(
    "light",
    ("set_light", "switch_light", "control_light", "light", "toggle_light"),
    ("Turn the light on or off.", "Switch a light.", "Set the light in a room."),
    "the light",
    (
        ROOM,
        Slot(
            ("on", "state", "enabled", "on"),
            lambda draw: draw.random() < 0.5,
            "boolean",
            spoken={True: ("on",), False: ("off",)},
        ),
    ),
    (
        "Turn {on} the light in the {room}.",
        "Switch {on} the light in the {room}.",
        "Please turn {on} the {room} light.",
        "Turn the light in the {room} {on}.",
        "Can you turn the light {on} in the {room}?",
        "Light {on} in the {room}",
        "Turn the {room} light {on}.",
        "Please switch the light in the {room} {on}.",
        "Could you switch the {room} light {on}?",
        "Put the light {on} in the {room}.",
    ),
    rivals=("light on",),
    lists="room",
    done="The light in the {room} is {on}.",
)
NOTE = Tool(
    "note",
    ("create_note", "add_note", "save_note", "write_note", "new_note", "take_note"),
    ("Create a note.", "Save a note.", "Write a note."),
    "a note",
    (
        Slot(("text", "content", "note", "body"), filling(CHORES + MESSAGES)),
        Slot(("title", "name", "heading", "title"), one_of(EVENTS), asides=('with the title "{title}"',)),
    ),
    (
        'Create a note "{text}".',
        'Make a note that says "{text}".',
        'Write down "{text}".',
        'Save the note "{text}".',
        'Please note "{text}".',
        'Add a note "{text}".',
        'Take a note: "{text}"',
        'Can you save a note "{text}"?',
        'Write a note with the text "{text}".',
        'Keep a note of "{text}".',
        'Create a note with the text "{text}".',
    ),
    rivals=("reminder",),
    done="I have saved the note.",
)
REMINDER = Tool(
    "reminder",
    ("set_reminder", "create_reminder", "remind_me", "add_reminder", "reminder"),
    ("Set a reminder.", "Remind the user of something.", "Create a reminder for a time."),
    "a reminder",
    (
        Slot(("text", "task", "what", "message"), filling(CHORES)),
        Slot(("time", "time", "when", "at"), clock),
    ),
    (
        "Remind me to {text} at {time}.",
        "Please remind me to {text} at {time}.",
        "At {time}, remind me to {text}.",
        "Set a reminder to {text} at {time}.",
        "Can you remind me to {text} at {time}?",
        'Set a reminder for {time}: "{text}"',
        "Remind me at {time} to {text}.",
        "I must {text} at {time}. Remind me.",
        "Create a reminder to {text} at {time}.",
        "Could you remind me at {time} to {text}?",
    ),
    rivals=("note",),
    done="I will remind you at {time}.",
)
POPULATION = Tool(
    "population",
    ("get_population", "population", "lookup_population", "count_people", "fetch_population"),
    ("Get the population of a country.", "How many people live in a country.", "Population of a country."),
    "the population",
    (Slot(("country", "name", "country", "nation"), one_of(COUNTRIES)),),
    (
        "What is the population of {country}?",
        "How many people live in {country}?",
        "How big is the population of {country}?",
        "Population of {country}",
        "Tell me how many people live in {country}.",
        "How many inhabitants does {country} have?",
        "Get the population of {country}.",
        "Please look up the population of {country}.",
        "What's the population of {country}?",
        "Can you tell me the population of {country}?",
    ),
    rivals=("search",),
    lists="country",
)
CAPITAL = Tool(
    "capitals",
    ("get_capital", "capital", "lookup_capital", "find_capital", "capital_of"),
    ("Get the capital of a country.", "Capital of a country.", "Find the capital."),
    "a capital",
    (Slot(("country", "name", "country", "nation"), one_of(COUNTRIES)),),
    (
        "What is the capital of {country}?",
        "Which city is the capital of {country}?",
        "Tell me the capital of {country}.",
        "Capital of {country}",
        "What's the capital of {country}?",
        "Look up the capital of {country}.",
        "Get the capital of {country}.",
        "What is {country}'s capital?",
        "Please find the capital of {country}.",
        "Can you look up the capital of {country}?",
    ),
    rivals=("search",),
    lists="country",
)
PERSON = Tool(
    "person",
    ("find_person", "get_user", "find_user", "lookup_user", "get_person", "search_person"),
    ("Find a person.", "Get a user by name.", "Look up a person by name.", "Get the data of a user."),
    "a person",
    (Slot(("name", "user", "person", "username"), one_of(NAMES)),),
    (
        "Find {name}.",
        "Who is {name}?",
        "Look up {name}.",
        "What do you know about {name}?",
        "Find the user {name}.",
        "Show me the user {name}.",
        "Get the data of {name}.",
        "Please look up the person {name}.",
        "Can you find {name}?",
        "Look up the user {name}.",
        "Tell me about {name}.",
        "Get the user {name}.",
    ),
    rivals=("search",),
    lists="name",
)
ORDER = Tool(
    "order",
    ("get_order", "order_status", "get_order_status", "track_order", "check_order"),
    ("Get the status of an order.", "Track an order.", "Look up an order by its number."),
    "an order",
    (Slot(("order_id", "id", "number", "order"), whole(100, 9999), "integer"),),
    (
        "Where is my order {order_id}?",
        "What is the status of order {order_id}?",
        "Check order {order_id}.",
        "Track my order {order_id}.",
        "When does my order {order_id} come?",
        "Has order {order_id} been sent?",
        "Please check my order {order_id}.",
        "Show me the order {order_id}.",
        "Status of order {order_id}",
        "Can you check the status of order {order_id}?",
        "Look up order {order_id}.",
    ),
    rivals=("status of",),
    lists="order_id",
)
FOOD = Tool(
    "food",
    ("order_food", "order", "buy_food", "place_order", "order_meal"),
    ("Order food.", "Order a meal.", "Order food from a restaurant."),
    "food",
    (
        Slot(("food", "item", "dish", "product"), one_of(DISHES)),
        Slot(("count", "quantity", "number", "amount"), whole(2, 20), "integer"),
    ),
    (
        "Order {count} {food}.",
        "Please order {count} {food}.",
        "I want {count} {food}.",
        "{count} {food}!",
        "Can you order {count} {food}?",
        "We would like {count} {food}.",
        "I would like to order {count} {food}.",
        "{count} {food}, please.",
        "We are hungry. Order {count} {food}.",
        "Could you order {count} {food} for us?",
        "Buy {count} {food}.",
    ),
    done="I have ordered {count} {food}.",
)
FLIGHT = Tool(
    "flight",
    ("book_flight", "find_flight", "search_flights", "get_flight", "find_flights"),
    ("Book a flight.", "Find a flight.", "Search flights between two cities."),
    "a flight",
    (
        Slot(("from", "origin", "from_city", "departure"), one_of(CITIES)),
        Slot(("to", "destination", "to_city", "arrival"), one_of(CITIES)),
        DAY,
    ),
    (
        "Book a flight from {from} to {to}.",
        "Find a flight from {from} to {to}.",
        "I want to fly from {from} to {to}.",
        "Is there a flight from {from} to {to}?",
        "I need a flight to {to} from {from}.",
        "Show me flights from {from} to {to}.",
        "Please book a flight from {from} to {to}.",
        "Flights from {from} to {to}",
        "I must go from {from} to {to} by plane.",
        "Can you find me a flight from {from} to {to}?",
        "Book me a flight to {to} from {from}.",
    ),
)
DISTANCE = Tool(
    "distance",
    ("get_distance", "distance", "measure_distance", "calculate_distance", "distance_between"),
    ("Get the distance between two cities.", "Distance between two places.", "How far two places are apart."),
    "a distance",
    (
        Slot(("from", "start", "origin", "city1"), one_of(CITIES)),
        Slot(("to", "end", "destination", "city2"), one_of(CITIES)),
    ),
    (
        "How far is it from {from} to {to}?",
        "What is the distance from {from} to {to}?",
        "What is the distance between {from} and {to}?",
        "How far is {from} from {to}?",
        "Get the distance from {from} to {to}.",
        "How many kilometers is it from {from} to {to}?",
        "Distance from {from} to {to}",
        "How long is the way from {from} to {to}?",
        "How far apart are {from} and {to}?",
        "Tell me the distance between {from} and {to}.",
        "How far away is {to} from {from}?",
    ),
)
DICE = Tool(
    "dice",
    ("roll_dice", "roll", "roll_die", "throw_dice", "dice"),
    ("Roll a die.", "Roll a die with some sides.", "Throw a die."),
    "a die rolled",
    (Slot(("sides", "faces", "max", "n"), whole(4, 100), "integer"),),
    (
        "Roll a die with {sides} sides.",
        "Roll a {sides} sided die.",
        "Throw a die with {sides} sides.",
        "Please roll a die with {sides} sides.",
        "Can you roll a {sides} sided die?",
        "I want to roll a die with {sides} sides.",
        "Roll the dice. It has {sides} sides.",
        "Roll a d{sides}.",
        "Please throw a {sides} sided die.",
        "Could you throw a die with {sides} sides?",
    ),
)
COIN = Tool(
    "coin",
    ("flip_coin", "toss_coin", "coin", "throw_coin"),
    ("Flip a coin.", "Toss a coin.", "Heads or tails."),
    "a coin flipped",
    (),
    (
        "Flip a coin.",
        "Toss a coin.",
        "Heads or tails?",
        "Please flip a coin.",
        "Throw a coin.",
        "Can you flip a coin?",
        "Flip a coin for me.",
        "Let us toss a coin.",
        "Please toss a coin for me.",
        "Could you flip a coin, please?",
    ),
)
RANDOM = Tool(
    "random",
    ("random_number", "get_random_number", "random", "pick_number", "draw_number"),
    ("Get a random number.", "Draw a random number.", "A random number in a range."),
    "a random number",
    (
        Slot(("min", "low", "start", "from"), whole(0, 20), "integer"),
        Slot(("max", "high", "end", "to"), whole(21, 1000), "integer"),
    ),
    (
        "Give me a random number between {min} and {max}.",
        "Pick a number between {min} and {max}.",
        "Draw a random number from {min} to {max}.",
        "Random number between {min} and {max}",
        "Choose a number from {min} to {max}.",
        "I need a random number between {min} and {max}.",
        "Tell me a random number from {min} to {max}.",
        "Please pick a random number between {min} and {max}.",
        "Can you draw a number between {min} and {max}?",
        "Get a random number from {min} to {max}.",
    ),
)
EVENT = Tool(
    "event",
    ("add_event", "create_event", "new_event", "add_to_calendar", "schedule_event", "create_meeting"),
    ("Add an event to the calendar.", "Create an event.", "Put something into the calendar."),
    "an event",
    (
        Slot(
            ("title", "name", "event", "title"),
            filling((*EVENTS, "{name} visits", "{city} trip", "Meet {name}")),
        ),
        Slot(("day", "date", "day", "when"), one_of(DAYS)),
        Slot(("time", "time", "start", "at"), clock, asides=("at {time}",)),
    ),
    (
        'Add "{title}" to my calendar on {day}.',
        'Create the event "{title}" on {day}.',
        'Add the event "{title}" on {day}.',
        'Put "{title}" into my calendar on {day}.',
        'Plan "{title}" for {day}.',
        'Please add "{title}" on {day}.',
        'I have "{title}" on {day}. Add it.',
        'Make an event "{title}" for {day}.',
        'Can you add "{title}" to the calendar on {day}?',
        'Schedule "{title}" on {day}.',
        'New event: "{title}" on {day}',
    ),
    done='I have added "{title}" on {day}.',
)
OPEN_FILE = Tool(
    "open file",
    ("open_file", "read_file", "load_file", "show_file", "get_file"),
    ("Open a file.", "Read a file.", "Returns the text of a file."),
    "a file",
    (Slot(("name", "path", "file", "filename"), file_name),),
    (
        "Open the file {name}.",
        "Open {name}.",
        "What is in the file {name}?",
        "Show me {name}.",
        "Please open the file {name}.",
        "Read {name}.",
        "Can you open {name}?",
        "Show me what is in {name}.",
        "What does {name} say?",
        "Could you read the file {name}?",
        "Read the file {name}.",
    ),
    lists="name",
)
LIST_FILES = Tool(
    "list files",
    ("list_files", "ls", "show_files", "list_directory", "get_files"),
    ("List the files in a folder.", "Show the files of a folder.", "List a folder."),
    "the files of a folder",
    (Slot(("folder", "path", "directory", "folder"), one_of(FILES + THINGS + ANIMALS)),),
    (
        "List the files in {folder}.",
        "Which files are in the folder {folder}?",
        "Show me the files in the folder {folder}.",
        "What is in the folder {folder}?",
        "List the folder {folder}.",
        "What files are in {folder}?",
        "Please list the files in the folder {folder}.",
        "Show the files in {folder}.",
        "Which files does the folder {folder} have?",
        "Can you list the files in the folder {folder}?",
    ),
)
NEWS = Tool(
    "news",
    ("get_news", "news", "fetch_news", "latest_news", "read_news"),
    ("Get the news.", "Get news about a topic.", "Latest news on a topic."),
    "the news",
    (Slot(("topic", "subject", "category", "about"), one_of(TOPICS + CITIES + COUNTRIES)),),
    (
        "What is the news about {topic}?",
        "Show me the news about {topic}.",
        "Is there news about {topic}?",
        "Give me news about {topic}.",
        "What are the latest news on {topic}?",
        "News about {topic}",
        "Tell me the news about {topic}.",
        "Get the latest news about {topic}.",
        "What's new in {topic}?",
        "Please read me the news about {topic}.",
        "Any news about {topic}?",
    ),
    rivals=("search",),
    lists="topic",
)
DEFINE = Tool(
    "define",
    ("define_word", "define", "get_definition", "dictionary", "lookup_word"),
    ("Define a word.", "Look up a word.", "Get the meaning of a word."),
    "a word's meaning",
    (Slot(("word", "term", "word", "text"), one_of(THINGS + ANIMALS + ADJECTIVES + FOODS)),),
    (
        "What does {word} mean?",
        'Define "{word}".',
        "Define the word {word}.",
        'What does the word "{word}" mean?',
        'What is the meaning of "{word}"?',
        "Look up the word {word}.",
        'What is the definition of "{word}"?',
        'Explain the word "{word}".',
        "Define {word}.",
        "Can you look up the word {word}?",
        "Give me the definition of {word}.",
    ),
    rivals=("search",),
)
TEMPERATURE = Tool(
    "temperature",
    ("set_temperature", "set_thermostat", "set_heating", "heat_room", "change_temperature"),
    ("Set the temperature of a room.", "Set the heating.", "Heat a room."),
    "another temperature",
    (ROOM, Slot(("degrees", "temperature", "value", "degrees"), whole(14, 28), "integer")),
    (
        "Set the {room} to {degrees} degrees.",
        "Set the temperature in the {room} to {degrees} degrees.",
        "Heat the {room} to {degrees} degrees.",
        "Make it {degrees} degrees in the {room}.",
        "Please set the {room} to {degrees} degrees.",
        "I want {degrees} degrees in the {room}.",
        "Can you set the {room} to {degrees} degrees?",
        "{degrees} degrees in the {room}, please.",
        "Change the temperature of the {room} to {degrees}.",
        "Could you heat the {room} to {degrees} degrees?",
    ),
    done="I have set the {room} to {degrees} degrees.",
)
CALL = Tool(
    "call",
    ("call_person", "call", "phone_call", "make_call", "dial", "call_contact"),
    ("Call a person.", "Make a phone call.", "Phone someone."),
    "a call",
    (Slot(("name", "person", "contact", "to"), one_of(NAMES)),),
    (
        "Call {name}.",
        "Please call {name}.",
        "Phone {name}.",
        "Can you call {name}?",
        "I want to talk to {name}.",
        "Make a call to {name}.",
        "Please phone {name}.",
        "Give {name} a call.",
        "I need to call {name}.",
        "Could you call {name} for me?",
        "Start a call with {name}.",
    ),
    done="I am calling {name}.",
)

CATALOGUE = (
    WEATHER,
    TIME,
    ADD,
    MULTIPLY,
    CALCULATE,
    CURRENCY,
    LENGTH,
    MESSAGE,
    EMAIL,
    TIMER,
    ALARM,
    SEARCH,
    TRANSLATE,
    STOCK,
    COMPANY,
    TABLE,
    MUSIC,
    VOLUME,
    LIGHT_ON,
    LIGHT,
    NOTE,
    REMINDER,
    POPULATION,
    CAPITAL,
    PERSON,
    ORDER,
    FOOD,
    FLIGHT,
    DISTANCE,
    DICE,
    RANDOM,
    EVENT,
    OPEN_FILE,
    LIST_FILES,
    NEWS,
    DEFINE,
    TEMPERATURE,
    CALL,
)
WITHOUT_ARGUMENTS = (NOW, STOP, COIN)
WANTED = (*CATALOGUE, WEATHER, WEATHER, WEATHER, WEATHER, TIME, ADD, MULTIPLY, SEARCH, EMAIL)
"""What the requests are drawn from: people who try out tools begin with the weather."""
