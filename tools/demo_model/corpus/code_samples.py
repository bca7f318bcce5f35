"""Small Python functions and scripts. Data only, and therefore long.

In the bodies ``$0``, ``$1``, … are the parameters and ``$f`` is the function's own name.
"""

from __future__ import annotations

from dataclasses import dataclass

TWO = ("a b", "x y", "m n", "left right", "first second")
ONE = ("n", "x", "number", "value", "num")
TEXT = ("text", "s", "word", "string", "line")
ITEMS = ("items", "values", "numbers", "xs", "data")
WORDS = ("words", "items", "parts", "lines", "names")


@dataclass(frozen=True)
class Function:
    """A function with what it does, in words that follow "a function to"."""

    task: str
    names: tuple[str, ...]
    params: tuple[str, ...]
    bodies: tuple[str, ...]
    types: tuple[str, ...]
    """Of the parameters and, last, of what is returned."""
    keys: tuple[str, ...] = ()
    """One of these must be in the body, if somebody else writes it. Empty: it can be written too differently."""


@dataclass(frozen=True)
class Script:
    """Lines that aren't a function. ``$0`` and the others are variables."""

    task: str
    names: tuple[str, ...]
    body: str
    key: str
    """What the answer to a request must contain."""


NUMBER_FUNCTIONS = (
    Function(
        "add two numbers",
        ("add", "add_numbers", "plus", "add_two"),
        TWO,
        ("return $0 + $1",),
        ("int", "int", "int"),
        ("$0 + $1", "$1 + $0"),
    ),
    Function(
        "subtract two numbers",
        ("subtract", "minus", "sub", "difference"),
        TWO,
        ("return $0 - $1",),
        ("int", "int", "int"),
        ("$0 - $1",),
    ),
    Function(
        "multiply two numbers",
        ("multiply", "times", "mul", "product"),
        TWO,
        ("return $0 * $1",),
        ("int", "int", "int"),
        ("$0 * $1", "$1 * $0"),
    ),
    Function(
        "divide two numbers",
        ("divide", "div", "divide_numbers"),
        TWO,
        ("return $0 / $1",),
        ("float", "float", "float"),
        ("$0 / $1",),
    ),
    Function(
        "square a number",
        ("square", "squared"),
        ONE,
        ("return $0 * $0", "return $0 ** 2"),
        ("int", "int"),
        ("$0 * $0", "$0 ** 2"),
    ),
    Function(
        "cube a number",
        ("cube", "cubed"),
        ONE,
        ("return $0 * $0 * $0", "return $0 ** 3"),
        ("int", "int"),
        ("$0 * $0 * $0", "$0 ** 3"),
    ),
    Function(
        "double a number",
        ("double", "twice", "double_number"),
        ONE,
        ("return 2 * $0", "return $0 * 2"),
        ("int", "int"),
        ("2 * $0", "$0 * 2"),
    ),
    Function("halve a number", ("half", "halve"), ONE, ("return $0 / 2",), ("float", "float"), ("$0 / 2",)),
    Function(
        "compute the absolute value of a number",
        ("absolute", "absolute_value"),
        ONE,
        ("return abs($0)", "if $0 < 0:\n    return -$0\nreturn $0"),
        ("int", "int"),
        ("abs($0)", "-$0"),
    ),
    Function(
        "check if a number is even",
        ("is_even", "even"),
        ONE,
        ("return $0 % 2 == 0",),
        ("int", "bool"),
        ("$0 % 2",),
    ),
    Function(
        "check if a number is odd",
        ("is_odd", "odd"),
        ONE,
        ("return $0 % 2 == 1",),
        ("int", "bool"),
        ("$0 % 2",),
    ),
    Function(
        "check if a number is positive",
        ("is_positive", "positive"),
        ONE,
        ("return $0 > 0",),
        ("int", "bool"),
        ("$0 > 0",),
    ),
    Function(
        "return the larger of two numbers",
        ("maximum", "larger", "max_of_two"),
        TWO,
        ("return max($0, $1)", "if $0 > $1:\n    return $0\nreturn $1", "return $0 if $0 > $1 else $1"),
        ("int", "int", "int"),
        ("max($0, $1)", "$0 > $1"),
    ),
    Function(
        "return the smaller of two numbers",
        ("minimum", "smaller", "min_of_two"),
        TWO,
        ("return min($0, $1)", "if $0 < $1:\n    return $0\nreturn $1", "return $0 if $0 < $1 else $1"),
        ("int", "int", "int"),
        ("min($0, $1)", "$0 < $1"),
    ),
    Function(
        "compute the factorial of a number",
        ("factorial", "fact"),
        ONE,
        (
            "if $0 <= 1:\n    return 1\nreturn $0 * $f($0 - 1)",
            "if $0 == 0:\n    return 1\nreturn $0 * $f($0 - 1)",
            "result = 1\nfor i in range(2, $0 + 1):\n    result *= i\nreturn result",
        ),
        ("int", "int"),
        ("$0 * $f($0 - 1)", "result *="),
    ),
    Function(
        "compute the nth Fibonacci number",
        ("fibonacci", "fib"),
        ("n", "x", "number", "num", "k"),
        (
            "if $0 <= 1:\n    return $0\nreturn $f($0 - 1) + $f($0 - 2)",
            "if $0 < 2:\n    return $0\nreturn $f($0 - 1) + $f($0 - 2)",
            "a, b = 0, 1\nfor _ in range($0):\n    a, b = b, a + b\nreturn a",
        ),
        ("int", "int"),
        ("$f($0 - 1) + $f($0 - 2)", "a, b = b, a + b"),
    ),
    Function(
        "raise a number to a power",
        ("power", "pow_of"),
        ("base exponent", "x n", "a b", "number exponent"),
        (
            "return $0 ** $1",
            "result = 1\nfor _ in range($1):\n    result *= $0\nreturn result",
        ),
        ("int", "int", "int"),
        ("$0 ** $1", "*= $0"),
    ),
    Function(
        "find the greatest common divisor of two numbers",
        ("gcd", "greatest_common_divisor"),
        TWO,
        (
            "while $1:\n    $0, $1 = $1, $0 % $1\nreturn $0",
            "if $1 == 0:\n    return $0\nreturn $f($1, $0 % $1)",
        ),
        ("int", "int", "int"),
        ("$0 % $1",),
    ),
    Function(
        "check if a number is prime",
        ("is_prime", "prime"),
        ONE,
        (
            "if $0 < 2:\n    return False\nfor i in range(2, $0):\n"
            "    if $0 % i == 0:\n        return False\nreturn True",
            "if $0 < 2:\n    return False\nreturn all($0 % i != 0 for i in range(2, $0))",
        ),
        ("int", "bool"),
        ("$0 % i",),
    ),
    Function(
        "clamp a number between a low and a high value",
        ("clamp", "limit"),
        ("value low high", "x low high", "number smallest largest", "n lo hi"),
        ("return max($1, min($0, $2))", "if $0 < $1:\n    return $1\nif $0 > $2:\n    return $2\nreturn $0"),
        ("int", "int", "int", "int"),
    ),
    Function(
        "swap two values",
        ("swap", "swapped"),
        TWO,
        ("return $1, $0",),
        ("int", "int", "tuple[int, int]"),
        ("$1, $0",),
    ),
    Function(
        "compute the area of a rectangle",
        ("area", "rectangle_area"),
        ("width height", "w h", "a b", "length width"),
        ("return $0 * $1",),
        ("float", "float", "float"),
        ("$0 * $1", "$1 * $0"),
    ),
    Function(
        "compute the perimeter of a rectangle",
        ("perimeter", "rectangle_perimeter"),
        ("width height", "w h", "a b", "length width"),
        ("return 2 * ($0 + $1)",),
        ("float", "float", "float"),
        ("2 * ($0 + $1)", "2 * $0 + 2 * $1"),
    ),
    Function(
        "compute the area of a circle",
        ("circle_area", "area_of_circle"),
        ("radius", "r"),
        ("return 3.14159 * $0 ** 2", "return 3.14159 * $0 * $0"),
        ("float", "float"),
        ("$0 ** 2", "$0 * $0"),
    ),
    Function(
        "convert Celsius to Fahrenheit",
        ("celsius_to_fahrenheit", "to_fahrenheit", "c_to_f"),
        ("celsius", "c", "degrees", "temperature"),
        ("return $0 * 9 / 5 + 32",),
        ("float", "float"),
        ("+ 32",),
    ),
    Function(
        "convert Fahrenheit to Celsius",
        ("fahrenheit_to_celsius", "to_celsius", "f_to_c"),
        ("fahrenheit", "f", "degrees", "temperature"),
        ("return ($0 - 32) * 5 / 9",),
        ("float", "float"),
        ("$0 - 32",),
    ),
    Function(
        "convert hours to minutes",
        ("hours_to_minutes", "to_minutes"),
        ("hours", "h", "time"),
        ("return $0 * 60",),
        ("int", "int"),
        ("* 60", "60 *"),
    ),
)
TEXT_FUNCTIONS = (
    Function(
        "reverse a string",
        ("reverse", "reverse_string", "backwards"),
        TEXT,
        ("return $0[::-1]",),
        ("str", "str"),
        ("$0[::-1]",),
    ),
    Function(
        "convert a string to upper case",
        ("to_upper", "upper", "capitals"),
        TEXT,
        ("return $0.upper()",),
        ("str", "str"),
        ("$0.upper()",),
    ),
    Function(
        "convert a string to lower case",
        ("to_lower", "lower"),
        TEXT,
        ("return $0.lower()",),
        ("str", "str"),
        ("$0.lower()",),
    ),
    Function(
        "count the words in a string",
        ("count_words", "word_count", "number_of_words"),
        TEXT,
        ("return len($0.split())",),
        ("str", "int"),
        ("$0.split()",),
    ),
    Function(
        "count the vowels in a string",
        ("count_vowels", "vowels"),
        TEXT,
        (
            'return sum(1 for letter in $0 if letter in "aeiou")',
            'count = 0\nfor letter in $0:\n    if letter in "aeiou":\n        count += 1\nreturn count',
        ),
        ("str", "int"),
        ("aeiou",),
    ),
    Function(
        "count a letter in a string",
        ("count_letter", "letter_count"),
        ("text letter", "s c", "word letter", "string char"),
        ("return $0.count($1)",),
        ("str", "str", "int"),
        ("$0.count($1)",),
    ),
    Function(
        "greet a person",
        ("greet", "hello", "greeting"),
        ("name", "person", "user", "who"),
        ('return f"Hello, {$0}!"', 'return "Hello, " + $0 + "!"'),
        ("str", "str"),
        ("hello",),
    ),
    Function(
        "check if a string is a palindrome",
        ("is_palindrome", "palindrome"),
        TEXT,
        ("return $0 == $0[::-1]",),
        ("str", "bool"),
        ("$0[::-1]",),
    ),
    Function(
        "split a string into words",
        ("split_words", "to_words", "get_words"),
        TEXT,
        ("return $0.split()",),
        ("str", "list[str]"),
        ("$0.split()",),
    ),
    Function(
        "join words with spaces",
        ("join_words", "to_text"),
        WORDS,
        ('return " ".join($0)',),
        ("list[str]", "str"),
        (".join($0)",),
    ),
    Function(
        "repeat a string n times",
        ("repeat", "repeat_string"),
        ("text n", "s times", "word count", "string n"),
        ("return $0 * $1",),
        ("str", "int", "str"),
        ("$0 * $1", "$1 * $0"),
    ),
    Function(
        "remove the spaces from a string",
        ("remove_spaces", "without_spaces"),
        TEXT,
        ('return $0.replace(" ", "")',),
        ("str", "str"),
        ("$0.replace(",),
    ),
    Function(
        "read a text file",
        ("read_file", "read_text", "load"),
        ("path", "file_name", "name"),
        ("with open($0) as file:\n    return file.read()",),
        ("str", "str"),
        ("open($0",),
    ),
    Function(
        "read the lines of a file",
        ("read_lines", "lines_of", "get_lines"),
        ("path", "file_name", "name"),
        (
            "with open($0) as file:\n    return file.readlines()",
            "with open($0) as file:\n    return [line.strip() for line in file]",
        ),
        ("str", "list[str]"),
        ("open($0",),
    ),
    Function(
        "write text to a file",
        ("write_file", "write_text", "save"),
        ("path text", "file_name text", "name text"),
        ('with open($0, "w") as file:\n    file.write($1)',),
        ("str", "str", "None"),
        ("open($0",),
    ),
)
LIST_FUNCTIONS = (
    Function(
        "add up the numbers in a list",
        ("total", "sum_list", "add_all"),
        ITEMS,
        ("return sum($0)", "result = 0\nfor item in $0:\n    result += item\nreturn result"),
        ("list[int]", "int"),
        ("sum($0)", "in $0"),
    ),
    Function(
        "compute the mean of a list of numbers",
        ("mean", "average"),
        ITEMS,
        ("return sum($0) / len($0)",),
        ("list[float]", "float"),
        ("len($0)",),
    ),
    Function(
        "find the largest number in a list",
        ("largest", "find_max", "max_of_list"),
        ITEMS,
        (
            "return max($0)",
            "result = $0[0]\nfor item in $0:\n    if item > result:\n        result = item\nreturn result",
        ),
        ("list[int]", "int"),
        ("max($0)", "in $0"),
    ),
    Function(
        "find the smallest number in a list",
        ("smallest", "find_min", "min_of_list"),
        ITEMS,
        (
            "return min($0)",
            "result = $0[0]\nfor item in $0:\n    if item < result:\n        result = item\nreturn result",
        ),
        ("list[int]", "int"),
        ("min($0)", "in $0"),
    ),
    Function(
        "return the first item of a list",
        ("first", "first_item", "head"),
        ITEMS,
        ("return $0[0]",),
        ("list[int]", "int"),
        ("$0[0]",),
    ),
    Function(
        "return the last item of a list",
        ("last", "last_item", "get_last"),
        ITEMS,
        ("return $0[-1]",),
        ("list[int]", "int"),
        ("$0[-1]",),
    ),
    Function(
        "check if a list contains an item",
        ("contains", "has_item", "is_in"),
        ("items item", "values value", "numbers number", "xs x"),
        ("return $1 in $0",),
        ("list[int]", "int", "bool"),
        ("$1 in $0",),
    ),
    Function(
        "remove the duplicates from a list",
        ("unique", "remove_duplicates"),
        ITEMS,
        (
            "return list(set($0))",
            "result = []\nfor item in $0:\n    if item not in result:\n        result.append(item)\nreturn result",
        ),
        ("list[int]", "list[int]"),
        ("set($0)", "in $0"),
    ),
    Function(
        "flatten a list of lists",
        ("flatten", "flat"),
        ("lists", "rows", "nested", "groups"),
        (
            "return [item for part in $0 for item in part]",
            "result = []\nfor part in $0:\n    result.extend(part)\nreturn result",
        ),
        ("list[list[int]]", "list[int]"),
        ("in $0",),
    ),
    Function(
        "count the items in a list",
        ("count", "length", "count_items"),
        ITEMS,
        ("return len($0)",),
        ("list[int]", "int"),
        ("len($0)",),
    ),
    Function(
        "check if a list is empty",
        ("is_empty", "empty"),
        ITEMS,
        ("return len($0) == 0", "return not $0"),
        ("list[int]", "bool"),
        ("len($0) == 0", "not $0"),
    ),
    Function(
        "return the even numbers of a list",
        ("evens", "even_numbers", "only_even"),
        ITEMS,
        ("return [item for item in $0 if item % 2 == 0]",),
        ("list[int]", "list[int]"),
        ("% 2",),
    ),
    Function(
        "square all numbers in a list",
        ("squares", "square_all"),
        ITEMS,
        ("return [item * item for item in $0]", "return [item ** 2 for item in $0]"),
        ("list[int]", "list[int]"),
        ("item * item", "** 2"),
    ),
    Function(
        "sort a list",
        ("sort_list", "sort_items", "in_order"),
        ITEMS,
        ("return sorted($0)",),
        ("list[int]", "list[int]"),
        ("sorted($0)", ".sort()"),
    ),
    Function(
        "reverse a list",
        ("reverse_list", "reversed_list"),
        ITEMS,
        ("return $0[::-1]", "return list(reversed($0))"),
        ("list[int]", "list[int]"),
        ("$0[::-1]", "reversed($0)"),
    ),
    Function(
        "print all items of a list",
        ("print_all", "show", "print_items"),
        ITEMS,
        ("for item in $0:\n    print(item)",),
        ("list[int]", "None"),
        ("print(",),
    ),
    Function(
        "invert a dictionary",
        ("invert", "invert_dict"),
        ("data", "mapping", "d", "table"),
        (
            "return {value: key for key, value in $0.items()}",
            "result = {}\nfor key, value in $0.items():\n    result[value] = key\nreturn result",
        ),
        ("dict[str, str]", "dict[str, str]"),
        ("$0.items()",),
    ),
    Function(
        "return the keys of a dictionary",
        ("keys", "get_keys"),
        ("data", "mapping", "d", "table"),
        ("return list($0.keys())", "return list($0)"),
        ("dict[str, int]", "list[str]"),
        ("list($0",),
    ),
    Function(
        "count how often each item is in a list",
        ("count_each", "frequencies", "count_all"),
        ITEMS,
        ("counts = {}\nfor item in $0:\n    counts[item] = counts.get(item, 0) + 1\nreturn counts",),
        ("list[str]", "dict[str, int]"),
    ),
)
FUNCTIONS = NUMBER_FUNCTIONS + TEXT_FUNCTIONS + LIST_FUNCTIONS

SCRIPTS = (
    Script("print hello world", ("",), 'print("Hello, world!")', "print"),
    Script(
        "print the numbers from 1 to 10",
        ("i", "n", "number"),
        "for $0 in range(1, 11):\n    print($0)",
        "range",
    ),
    Script(
        "count down from 10",
        ("i", "n", "count"),
        "$0 = 10\nwhile $0 > 0:\n    print($0)\n    $0 -= 1",
        "while",
    ),
    Script(
        "loop over a list",
        ("items item", "numbers number", "values value", "xs x"),
        "$0 = [1, 2, 3]\nfor $1 in $0:\n    print($1)",
        "for",
    ),
    Script(
        "loop over a dictionary",
        ("data", "prices", "table"),
        '$0 = {"a": 1, "b": 2}\nfor key, value in $0.items():\n    print(key, value)',
        "for",
    ),
    Script(
        "print the items of a list with their index",
        ("items item", "names name", "words word"),
        '$0 = ["a", "b", "c"]\nfor i, $1 in enumerate($0):\n    print(i, $1)',
        "enumerate",
    ),
    Script(
        "make a list of squares", ("squares", "result", "numbers"), "$0 = [n * n for n in range(10)]", "for"
    ),
    Script(
        "ask the user for a name", ("name", "user"), '$0 = input("Name: ")\nprint(f"Hello, {$0}!")', "input"
    ),
    Script(
        "open a file and print its lines",
        ("file", "f"),
        'with open("data.txt") as $0:\n    for line in $0:\n        print(line)',
        "open",
    ),
    Script(
        "handle an error",
        ("number", "value", "n"),
        'try:\n    $0 = int(input("Number: "))\nexcept ValueError:\n    print("That is not a number.")',
        "except",
    ),
    Script("sort a list", ("numbers", "items", "values"), "$0 = [3, 1, 2]\n$0.sort()\nprint($0)", "sort"),
    Script(
        "write a main function",
        ("",),
        'def main():\n    print("Hello!")\n\n\nif __name__ == "__main__":\n    main()',
        "__main__",
    ),
    Script(
        "define a class for a point",
        ("x y", "a b"),
        "class Point:\n    def __init__(self, $0, $1):\n        self.$0 = $0\n        self.$1 = $1",
        "class",
    ),
    Script(
        "define a class for a dog",
        ("Dog", "Animal", "Cat"),
        "class $0:\n    def __init__(self, name):\n        self.name = name\n\n"
        '    def speak(self):\n        return "Hello!"',
        "class",
    ),
    Script(
        "define a class that counts",
        ("count", "value", "n"),
        "class Counter:\n    def __init__(self):\n        self.$0 = 0\n\n    def add(self):\n        self.$0 += 1",
        "class",
    ),
    Script("import math and print pi", ("",), "import math\n\nprint(math.pi)", "math"),
    Script(
        "check if a number is positive or negative",
        ("n", "number", "x"),
        'if $0 > 0:\n    print("positive")\nelif $0 < 0:\n    print("negative")\nelse:\n    print("zero")',
        "if",
    ),
)
