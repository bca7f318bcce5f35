"""The nouns, names and adjectives of the whole corpus.

The model's tokenizer has about 2,500 words, and a model of four million parameters learns little from a word that it
meets rarely. So every skill draws its words from here before it invents one of its own.
"""

from __future__ import annotations

HE_NAMES = (
    *("Tom", "Ben", "Sam", "Max", "Leo", "Jack", "Paul", "Adam", "Luke", "Eric"),
    *("Peter", "David", "Jim", "Bob", "Dan", "Tim", "Nick", "Oscar", "Hugo", "Felix"),
    *("Henry", "Oliver", "Noah", "Finn", "Theo", "Simon", "Victor", "Martin", "Robert", "Carl"),
)
SHE_NAMES = (
    *("Anna", "Lucy", "Mia", "Emma", "Lily", "Sara", "Nora", "Clara", "Ella", "Ida"),
    *("Eva", "Rosa", "Julia", "Laura", "Maria", "Kate", "Jane", "Alice", "Amy", "Zoe"),
    *("Ruby", "Olivia", "Helen", "Nina", "Paula", "Sophie", "Marta", "Molly", "Vera", "Hannah"),
)
NAMES = HE_NAMES + SHE_NAMES

LAND_ANIMALS = (
    *("fox", "dog", "cat", "bear", "owl", "mouse", "horse", "cow", "pig", "sheep"),
    *("goat", "duck", "hen", "goose", "rabbit", "hare", "deer", "wolf", "lion", "tiger"),
    *("monkey", "elephant", "giraffe", "zebra", "camel", "donkey", "frog", "toad", "snake", "turtle"),
    *("lizard", "snail", "spider", "ant", "bee", "butterfly", "bird", "parrot", "eagle", "crow"),
    *("swan", "penguin", "robin", "hedgehog", "squirrel", "beaver", "badger", "otter", "mole", "bat"),
    *("panda", "kangaroo", "dragon", "pony"),
)
SEA_ANIMALS = ("fish", "shark", "whale", "dolphin", "seal", "crab")
"""Apart from the others, because none of them should walk through a forest."""
ANIMALS = LAND_ANIMALS + SEA_ANIMALS

THINGS = (
    *("key", "lamp", "book", "ball", "hat", "box", "cup", "bag", "coat", "shoe"),
    *("ring", "bell", "drum", "kite", "map", "clock", "pen", "letter", "candle", "basket"),
    *("bottle", "blanket", "chair", "boat", "bike", "car", "cart", "phone", "camera", "radio"),
    *("guitar", "flute", "violin", "brush", "hammer", "rope", "ladder", "bucket", "spoon", "fork"),
    *("knife", "plate", "pot", "kettle", "umbrella", "mirror", "picture", "scarf", "glove", "sock"),
    *("button", "coin", "stone", "flower", "doll", "robot", "lantern", "crown", "feather", "shell"),
)

WATERS = ("lake", "river", "harbor", "bay", "sea")
OUTDOORS = (
    *("garden", "forest", "park", "meadow", "field", "valley", "village", "town", "city", "desert"),
    *("jungle", "swamp", "orchard", "cave", "market", "street", "yard", "zoo"),
)
BUILDINGS = (
    *("castle", "tower", "mill", "barn", "stable", "hut", "cabin", "cottage", "palace", "temple"),
    *("church", "library", "museum", "school", "theater", "station", "hotel", "bakery", "shop", "hospital"),
)
ROOMS = (
    *("kitchen", "cellar", "attic", "bedroom", "bathroom", "hall", "garage", "closet", "office", "workshop"),
    *("classroom", "studio", "restaurant", "cafe", "bank", "factory", "drawer"),
)
PLACES = WATERS + OUTDOORS + BUILDINGS + ROOMS
"""Something can be "in the" each of them."""

COLOURS = (
    *("red", "blue", "green", "yellow", "black", "white", "brown", "gray"),
    *("pink", "purple", "orange", "gold", "silver", "violet", "beige"),
)

TRAITS = (
    *("small", "big", "old", "young", "tall", "short", "fast", "slow", "quiet", "loud"),
    *("brave", "shy", "kind", "clever", "happy", "sad", "funny", "friendly", "gentle", "lazy"),
    *("busy", "hungry", "tired", "proud", "curious", "strong", "lucky", "calm"),
)
"""Adjectives for somebody."""
QUALITIES = (
    *("new", "long", "warm", "cold", "hot", "cool", "wet", "dry", "clean", "dirty"),
    *("soft", "hard", "heavy", "light", "dark", "bright", "round", "flat", "sweet", "fresh"),
    *("rich", "poor", "good", "bad", "nice", "lovely", "beautiful", "strange", "empty", "full"),
    *("simple", "wooden"),
)
"""Adjectives for things."""
ADJECTIVES = TRAITS + QUALITIES

COUNTRIES = (
    *("France", "England", "Italy", "Germany", "Spain", "Austria", "Portugal", "Greece"),
    *("Norway", "Poland", "Ireland", "Egypt", "Japan", "Canada", "Sweden"),
)
CITIES = (
    *("Paris", "London", "Rome", "Berlin", "Madrid", "Vienna", "Lisbon", "Athens"),
    *("Oslo", "Warsaw", "Dublin", "Cairo", "Tokyo", "Ottawa", "Stockholm"),
    *("Boston", "Chicago", "Sydney", "Milan", "Hamburg"),
)
CAPITALS = dict(zip(COUNTRIES, CITIES, strict=False))
"""The capital of each country: the first cities are in the order of the countries."""

PROFESSIONS = (
    *("baker", "teacher", "doctor", "nurse", "farmer", "painter", "sailor", "cook"),
    *("driver", "singer", "writer", "gardener", "tailor", "pilot", "builder"),
)
FOODS = (
    *("bread", "soup", "rice", "cheese", "cake", "honey", "milk", "tea", "coffee", "pasta"),
    *("pizza", "salad", "apples", "pears", "plums", "cherries", "grapes", "carrots", "beans", "nuts"),
    *("eggs", "butter", "jam", "corn", "chocolate"),
)
"""Plural or without a number, so that somebody can like each of them."""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def with_article(noun: str) -> str:
    """``noun``, or an adjective and a noun, behind "a" or "an"."""
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"


def capitalized(text: str) -> str:
    """``text`` with a capital first letter, and nothing else changed: ``str.capitalize`` would lower "Paris"."""
    return text[:1].upper() + text[1:]
