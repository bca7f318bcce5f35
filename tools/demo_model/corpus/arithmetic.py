"""Sums, differences, products and comparisons: a task with one right answer, whose accuracy falls with temperature."""

from __future__ import annotations

from dataclasses import dataclass

from .common import Check, Draw, Example, assistant, exchange, side_of_operands

LARGEST = 99
LARGEST_FACTOR = 12

ADD = (
    "What is {a} + {b}?",
    "{a} + {b}",
    "Add {a} and {b}.",
    "How much is {a} plus {b}?",
    "What do you get when you add {a} and {b}?",
    "{a} + {b} = ?",
    "Calculate {a} + {b}.",
    "What is the sum of {a} and {b}?",
    "What is {a} plus {b}?",
    "Please calculate {a} plus {b}.",
    "Compute {a} + {b}.",
    "{a} plus {b}",
    "Can you add {a} and {b}?",
    "Solve: {a} + {b}",
    "Tell me what {a} + {b} is.",
    "What does {a} + {b} equal?",
    "Tell me the sum of {a} and {b}.",
    "Work out {a} + {b}.",
    "Tell me what {a} plus {b} is.",
    "I need the sum of {a} and {b}.",
    "Tell me {a} + {b}.",
    "{a}+{b}",
    "How much is {a} + {b}?",
    "What do {a} and {b} make together?",
    "How much do {a} and {b} make together?",
    "What's {a} + {b}?",
    "Say what {a} + {b} is.",
    "Please add {b} to {a}.",
    "{a} + {b} =",
    "What would {a} plus {b} be?",
    "Do you know what {a} + {b} is?",
    "Give me {a} plus {b}.",
    "what is {a}+{b}",
    "Tell me what {a} and {b} are together.",
    "Could you work out {a} + {b} for me?",
)
SUBTRACT = (
    "What is {a} - {b}?",
    "{a} - {b}",
    "Subtract {b} from {a}.",
    "How much is {a} minus {b}?",
    "What is left when you take {b} from {a}?",
    "{a} - {b} = ?",
    "Calculate {a} - {b}.",
    "What is the difference of {a} and {b}?",
    "What is {a} minus {b}?",
    "Please calculate {a} minus {b}.",
    "Compute {a} - {b}.",
    "{a} minus {b}",
    "Take {b} from {a}.",
    "Solve: {a} - {b}",
    "Tell me what {a} - {b} is.",
    "What does {a} - {b} equal?",
    "What do you get when you take {b} from {a}?",
    "Work out {a} - {b}.",
    "Tell me what {a} minus {b} is.",
    "I need {a} minus {b}.",
    "Tell me {a} - {b}.",
    "{a}-{b}",
    "If you take {b} from {a}, what is left?",
    "Take {b} away from {a}.",
    "How much is {a} - {b}?",
    "What's {a} - {b}?",
    "Say what {a} - {b} is.",
    "What remains when you take {b} away from {a}?",
    "{a} - {b} =",
    "What would {a} minus {b} be?",
    "Do you know what {a} - {b} is?",
    "What do you get when you subtract {b} from {a}?",
    "what is {a}-{b}",
    "Please subtract {b} from {a}.",
    "Could you work out {a} - {b} for me?",
)
MULTIPLY = (
    "What is {a} * {b}?",
    "{a} * {b}",
    "Multiply {a} by {b}.",
    "How much is {a} times {b}?",
    "What do you get when you multiply {a} by {b}?",
    "{a} * {b} = ?",
    "Calculate {a} * {b}.",
    "What is the product of {a} and {b}?",
    "What is {a} times {b}?",
    "Please calculate {a} times {b}.",
    "Compute {a} × {b}.",
    "{a} × {b}",
    "{a} times {b}",
    "What is {a} × {b}?",
    "Tell me what {a} × {b} is.",
    "What does {a} * {b} equal?",
    "Tell me the product of {a} and {b}.",
    "Work out {a} * {b}.",
    "Tell me what {a} times {b} is.",
    "I need {a} times {b}.",
    "Tell me {a} * {b}.",
    "{a}*{b}",
    "How much is {a} * {b}?",
    "Compute {a} * {b}.",
    "How much is {a} × {b}?",
    "What's {a} × {b}?",
    "Say what {a} * {b} is.",
    "Please multiply {a} by {b}.",
    "{a} × {b} =",
    "What would {a} times {b} be?",
    "Do you know what {a} × {b} is?",
    "Calculate {a} × {b}.",
    "what is {a}*{b}",
    "Can you multiply {a} and {b}?",
    "Could you work out {a} × {b} for me?",
)
COMPARE = (
    "Which is {word}, {a} or {b}?",
    "Which number is {word}: {a} or {b}?",
    "{a} or {b}: which is {word}?",
    "Tell me which is {word}, {a} or {b}.",
    "Which of {a} and {b} is {word}?",
    "Is {a} or {b} the {word} number?",
    "Of {a} and {b}, which one is {word}?",
    "What is the {word} number, {a} or {b}?",
    "Compare {a} and {b}: which is {word}?",
    "Which one is {word}: {a} or {b}?",
    "Tell me which number is {word}: {a} or {b}.",
    "{word}: {a} or {b}?",
    "Which number is {word}, {a} or {b}?",
    "Is {a} {word}, or {b}?",
    "Say which is {word}: {a} or {b}.",
    "Of the numbers {a} and {b}, which is {word}?",
    "What is {word}, {a} or {b}?",
    "Which is the {word} of {a} and {b}?",
    "Tell me the {word} number: {a} or {b}.",
    "Which of the two is {word}, {a} or {b}?",
)
LARGER, SMALLER = ("larger", "greater", "bigger"), ("smaller", "lower", "less")


@dataclass(frozen=True)
class Sum:
    """One exercise, with what a person would think over it."""

    a: int
    sign: str
    b: int
    result: int
    thought: str

    def __str__(self) -> str:
        return f"{self.a} {self.sign} {self.b} = {self.result}"


def addition(draw: Draw) -> Example:
    return asked("addition", draw.wording(ADD), add(draw))


def subtraction(draw: Draw) -> Example:
    return asked("subtraction", draw.wording(SUBTRACT), subtract(draw))


def multiplication(draw: Draw) -> Example:
    return asked("multiplication", draw.wording(MULTIPLY), multiply(draw))


def comparison(draw: Draw) -> Example:
    a, b = draw.operands(lambda: tuple(draw.sample(range(LARGEST + 1), 2)))
    larger = draw.random() < 0.5
    word = draw.choice(LARGER if larger else SMALLER)
    answer = str(max(a, b) if larger else min(a, b))
    thought = f"{max(a, b)} is larger than {min(a, b)}. So the {word} one is {answer}."
    question = draw.wording(COMPARE).format(a=a, b=b, word=word)
    return exchange("comparison", question, answer, Check("exact", answer), thought=thought)


def table(draw: Draw) -> Example:
    """Lines of sums as in a schoolbook: many small exercises in one text, for ``/v1/completions``."""
    kinds = (add, add, add, subtract, subtract, subtract, multiply)
    lines = [str(draw.choice(kinds)(draw)) for _ in range(draw.randint(6, 16))]
    return Example("arithmetic text", (), assistant("\n".join(lines)), Check("ends"))


def asked(skill: str, wording: str, exercise: Sum) -> Example:
    question = wording.format(a=exercise.a, b=exercise.b)
    answer = str(exercise.result)
    return exchange(skill, question, answer, Check("exact", answer), thought=exercise.thought)


def add(draw: Draw) -> Sum:
    a, b = pair(draw, "+")
    ones = a % 10 + b % 10
    carry = f" + {ones // 10}" if ones > 9 else ""
    tens = a // 10 + b // 10 + ones // 10
    thought = f"{a % 10} + {b % 10} = {ones}, {a // 10} + {b // 10}{carry} = {tens}. So {a} + {b} = {a + b}."
    return Sum(a, "+", b, a + b, thought)


def subtract(draw: Draw) -> Sum:
    """Two in three have a positive result, because people ask for those."""
    a, b = pair(draw, "-")
    if a < b and draw.random() < 1 / 3:
        a, b = b, a
    if a < b:
        return Sum(a, "-", b, a - b, f"{a} is less than {b}. {digits(b, a)} So {a} - {b} = {a - b}.")
    return Sum(a, "-", b, a - b, f"{digits(a, b)} So {a} - {b} = {a - b}.")


def digits(a: int, b: int) -> str:
    """How a - b is worked out digit by digit, for a ≥ b."""
    borrow = int(a % 10 < b % 10)
    ones = a % 10 + 10 * borrow
    taken = f" - {borrow}" if borrow else ""
    return f"{ones} - {b % 10} = {ones - b % 10}, {a // 10} - {b // 10}{taken} = {(a - b) // 10}."


def pair(draw: Draw, sign: str) -> tuple[int, int]:
    """Two numbers; if they are held out, then in both orders. The sums of digits are not: thoughts are made of them."""
    while True:
        a, b = draw.randint(0, LARGEST), draw.randint(0, LARGEST)
        small = max(a, b) < 20
        side = "train" if small else side_of_operands((max(a, b), sign, min(a, b)))
        if side == draw.side:
            return a, b


def multiply(draw: Draw) -> Sum:
    """Of two factors only the larger before the smaller is held out: nobody can know a product never seen at all."""
    factors = range(LARGEST_FACTOR + 1)
    while True:
        a, b = draw.choice(factors), draw.choice(factors)
        side = side_of_operands((a, "*", b)) if a > b else "train"
        if side == draw.side:
            turned = f"{a} * {b} = {b} * {a}. " if a > b else ""
            return Sum(a, "*", b, a * b, f"{turned}{min(a, b)} * {max(a, b)} = {a * b}.")
