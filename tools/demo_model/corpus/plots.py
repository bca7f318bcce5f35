"""The plots of the stories: for each sentence several phrasings, that may follow any phrasing of the one before.

Each plot names the hero, the animal, the thing and the place in whatever phrasing, so that a story about one of these
can be told along any plot. Data only, and therefore long.
"""

from __future__ import annotations

from dataclasses import dataclass

Sentence = tuple[str, ...]
"""Phrasings of the same sentence."""


@dataclass(frozen=True)
class Plot:
    sentences: tuple[Sentence, ...]
    traits: tuple[str, ...] = ()
    """What the hero may be like, where not everything fits."""


OPENINGS: Sentence = (
    "Once upon a time there was {a_trait} {role} named {hero}.",
    "Once upon a time there lived {a_trait} {role} called {hero}.",
    "Long ago there was {a_trait} {role} whose name was {hero}.",
    "There once was {a_trait} {role} called {hero}.",
    "{hero} was {a_trait} {role} who lived near the {place}.",
    "Near the {place} there lived {a_trait} {role} named {hero}.",
    "This is the story of {hero}, {a_trait} {role}.",
)
CLOSINGS: Sentence = (
    "The end.",
    "That night {hero} slept very well.",
    "And {hero} never forgot that day.",
    "And so they lived happily for many years.",
    "Even today people tell this story in the {place}.",
)
SHORT: Sentence = (
    "{hero}, {a_trait} {role}, lost {his} {thing} in the {place}, and {an_animal} found it.",
    "Once upon a time {hero}, {a_trait} {role}, met {an_animal} in the {place} and gave it {a_thing}.",
    "{A_thing} in the {place} made {hero}, {a_trait} {role}, and {an_animal} the best of friends.",
    "{hero}, {a_trait} {role}, went to the {place} to find {a_thing} and found a friend, {an_animal}.",
    "In the {place} {an_animal} gave {hero}, {a_trait} {role}, {a_thing}, and both were happy.",
    "{hero}, {a_trait} {role}, shared {his} {thing} with {an_animal} in the {place} and was never alone again.",
)

LOST = Plot(
    (
        (
            "One {time} {he} lost {his} {thing} in the {place}.",
            "{He} went to the {place} one {time}, and there {he} lost {his} {thing}.",
            "{He} loved {his} {thing}, but one {time} {he} lost it in the {place}.",
        ),
        (
            "{He} looked here and there, but {he} could not find it.",
            "{He} looked for it until it was dark.",
            "{He} sat down under a tree and began to cry.",
        ),
        (
            "Then {an_animal} came by and asked why {he} was so sad.",
            "Then {he} met {an_animal} and told it what had happened.",
            '"Do not cry," said {an_animal} behind {him}. "I will help you."',
        ),
        (
            "They looked together, and soon the {animal} found the {thing} under a stone.",
            "The {animal} had good eyes and saw the {thing} at once.",
            '"Is this yours?" asked the {animal}, and there was the {thing}.',
        ),
        (
            "{hero} was so happy that {he} danced, and the {animal} danced too.",
            "{hero} thanked the {animal}, and from that day they were friends.",
            '"You are a true friend," said {hero} and gave the {animal} a cake.',
        ),
    )
)
FOUND = Plot(
    (
        (
            "One {time} {he} found {a_thing} in the {place}.",
            "In the {place} {he} saw something on the ground: it was {a_thing}.",
            "One {time} {he} was in the {place}, and right in front of {him} lay {a_thing}.",
        ),
        (
            "{He} liked it so much that {he} wanted to keep it.",
            '"Now it is mine," {he} thought and put it in a bag.',
            "{He} had never had anything so beautiful.",
        ),
        (
            "But on the way home {he} met {an_animal} that was looking for its {thing}.",
            'But then {an_animal} asked, "Have you seen my {thing}?"',
            "Then {he} heard {an_animal} cry, because its {thing} was gone.",
        ),
        (
            "At first {hero} said nothing, but then {he} gave it back.",
            "It was hard for {hero}, but {he} gave it back.",
            '{hero} thought for a while and said, "Here it is."',
        ),
        (
            "The {animal} was so happy that it asked {him} to come and have tea.",
            '"Thank you," said the {animal}, and from then on they played together every day.',
            "That was better than any {thing}: now {he} had the {animal} for a friend.",
        ),
    )
)
WORK = Plot(
    (
        (
            "{He} wanted {a_thing}, but {he} had no money.",
            "More than anything {he} wanted {a_thing}, but it cost too much.",
            "In a shop {he} saw {a_thing}, but {he} had only one coin.",
        ),
        (
            "So {he} went to the {place} and looked for work.",
            "So one {time} {he} went to the {place} to find work.",
            '"Perhaps there is work in the {place}," {he} thought.',
        ),
        (
            'There {an_animal} said, "Help me for a week, and I will pay you."',
            "There lived {an_animal} that was old and needed help.",
            "{An_animal} that lived there needed somebody to carry wood.",
        ),
        (
            "{hero} worked every day and was never tired of it.",
            "It was hard work, but {hero} did not stop.",
            "{hero} got up early and worked until it was dark.",
        ),
        (
            "At the end of the week the {animal} gave {him} the {thing}, and {he} ran home with it.",
            "Then the {animal} paid {him} ten coins, and {he} bought the {thing}.",
            "So {he} could buy the {thing} at last, and the {animal} came along to see it.",
        ),
    ),
    traits=("poor", "young", "strong", "brave", "clever", "friendly", "quiet"),
)
LOST_WAY = Plot(
    (
        (
            "One {time} {he} went too far and did not know where {he} was.",
            "One {time} {he} wanted to see the world and lost the way.",
            "One {time} {he} took the wrong way home.",
        ),
        (
            "It was dark in the {place}, and {he} had nothing but {a_thing}.",
            "It was cold in the {place}, and there was only {a_thing} in {his} bag.",
            "Soon it was night in the {place}, and {he} held {a_thing} in {his} hand.",
        ),
        (
            "Then {he} heard something: it was {an_animal}.",
            "Two eyes looked at {him} in the dark: it was {an_animal}.",
            "But {an_animal} had seen {him} from far away.",
        ),
        (
            '"Come with me," said the {animal}, "I know the way."',
            "The {animal} was not afraid of the dark and went with {him}.",
            "The {animal} showed {him} the way, step by step.",
        ),
        (
            "At home {hero} gave the {animal} the {thing} to say thank you.",
            'When they were at home, {hero} said, "The {thing} is for you."',
            "Since that day {hero} and the {animal} go for a walk together, and they always take the {thing}.",
        ),
    )
)
RACE = Plot(
    (
        (
            'One {time} {an_animal} said, "I am much faster than you."',
            'In the {place} there was {an_animal} that always said, "Nobody is as fast as I am."',
            "One {time} {he} met {an_animal} that thought it was the fastest of all.",
        ),
        (
            "So they had a race to the {place}, and the winner would get {a_thing}.",
            '"Then let us race to the {place}," said {hero}. "The winner gets {a_thing}."',
            "There was {a_thing} for the first of them who came to the {place}.",
        ),
        (
            "The {animal} was soon far away, so it lay down and slept.",
            "The {animal} was so fast that it stopped to eat some {food}.",
            "On the way the {animal} stopped and talked to everybody.",
        ),
        (
            "{hero} was slow, but {he} never stopped.",
            "{hero} went on, step by step.",
            "{hero} did not look back and ran as well as {he} could.",
        ),
        (
            "So {hero} won the {thing}, and the {animal} had to laugh about itself.",
            'When the {animal} came, {hero} had the {thing} and said, "Slow and steady wins the race."',
            "{hero} was first, but {he} gave the {thing} to the {animal}, and they became friends.",
        ),
    )
)
TRADE = Plot(
    (
        (
            "{He} had {a_thing}, but {he} did not need it.",
            "{He} had {a_thing} at home that was no use to {him}.",
            "All that {he} had was {a_thing}.",
        ),
        (
            "In the {place} {he} met {an_animal} that had wanted one for years.",
            "So {he} took it to the {place}, and there {an_animal} looked at it for a long time.",
            "One {time} {an_animal} came from the {place} and asked for it.",
        ),
        (
            '"I will give you {food} for it," said the {animal}.',
            '"I have no money, only {food}," said the {animal}.',
            '"What would you like for it?" asked the {animal}. "I have got {food}."',
        ),
        (
            '"Yes, please!" said {hero}, because {he} was hungry.',
            "{hero} loved {food}, so {he} said yes.",
            '"That is fair," said {hero}.',
        ),
        (
            "So the {animal} had the {thing}, {he} had {food}, and both were happy.",
            "Then they sat down together, and the {animal} played with the {thing} while {he} ate.",
            "In the evening the {animal} went home with the {thing}, and {he} went to bed with a smile.",
        ),
    )
)
BIRTHDAY = Plot(
    (
        (
            "{His} best friend was {an_animal} that lived in the {place}.",
            "{He} had a good friend in the {place}: {an_animal}.",
            "In the {place} lived {an_animal}, and it was {his} best friend.",
        ),
        (
            "For its birthday {he} made {a_thing}.",
            "It was the birthday of the {animal}, and {he} bought {a_thing}.",
            "For the birthday of the {animal} {he} looked for something nice and found {a_thing}.",
        ),
        (
            "But on the way {he} fell, and the {thing} fell into the water.",
            "But {he} left the {thing} on the train.",
            "But it rained so much that the {thing} was wet and dirty.",
        ),
        (
            "{hero} was sad and did not want to go on.",
            '"Now I have nothing for you," said {hero} when {he} came.',
            "{hero} came late and had to tell what had happened.",
        ),
        (
            'The {animal} only laughed and said, "You are here, and that is the best gift."',
            "But the {animal} had made a cake for two, and it was a lovely birthday.",
            'But the {animal} said, "I do not need {a_thing}, I need a friend."',
        ),
    )
)
BROKEN = Plot(
    (
        (
            "One {time} {his} {thing} broke.",
            "{He} had {a_thing}, but one {time} it broke.",
            "One {time} {he} dropped {his} {thing}, and it was broken.",
        ),
        (
            "{He} worked on it all day, but that made it worse.",
            '"I can do that," {he} thought, but {he} could not.',
            "Nobody in the street knew what to do.",
        ),
        (
            "In the {place} there was {an_animal} that could repair anything.",
            "So {he} went to the {place} and asked {an_animal} for help.",
            "Then {he} heard of {an_animal} in the {place} that was good at such things.",
        ),
        (
            "The {animal} looked at it for a long time and took a piece of rope.",
            '"Give me an hour," said the {animal}.',
            'The {animal} said, "We can do it together. Hold this, please."',
        ),
        (
            "In the evening the {thing} was as good as new, and {hero} gave the {animal} some {food}.",
            "Soon the {thing} was even better than before, and {hero} thanked the {animal}.",
            "The {animal} did it so well that {hero} brought it another {thing} the next day.",
        ),
    )
)
RIDDLE = Plot(
    (
        (
            "In the {place} there was a small door that nobody could open.",
            "One {time} {he} found a strange door in the {place}.",
            "In the {place} stood an old wooden door, and nobody knew what was behind it.",
        ),
        (
            '{An_animal} sat there and asked, "What runs but has no legs?"',
            '"What runs but has no legs?" asked {an_animal} that sat in front of it.',
            'There sat {an_animal} and said, "First tell me what has hands but cannot hold anything."',
        ),
        (
            "{hero} thought about it all night.",
            "{hero} did not know, so {he} walked up and down.",
            "{hero} sat down and thought.",
        ),
        (
            "In the morning {he} knew it, and the {animal} opened the door.",
            '"I know!" {he} said at last, and {he} was right.',
            "{He} told the {animal} what {he} thought, and the door opened.",
        ),
        (
            'Behind it lay {a_thing}, and the {animal} said, "It is yours."',
            "There was nothing behind it but {a_thing}, but {he} and the {animal} had to laugh.",
            "Behind it was a warm room with {a_thing}, and there {hero} and the {animal} sat and talked.",
        ),
    ),
    traits=("clever", "young", "curious", "quiet", "brave", "small"),
)
RESCUE = Plot(
    (
        (
            "One {time} {he} heard somebody cry in the {place}.",
            "It was a cold {time} when {he} heard a sound in the {place}.",
            'One {time} somebody in the {place} called, "Help me!"',
        ),
        (
            "It was {an_animal} that could not find its way home.",
            "It was {an_animal}, and it could not move.",
            "There was {an_animal}, all alone and afraid.",
        ),
        (
            "{hero} had only {a_thing} in {his} bag, but {he} had an idea.",
            "{hero} thought of the {thing} at home and ran to get it.",
            "{hero} looked around and found {a_thing}.",
        ),
        (
            "With the {thing} {he} helped the {animal}, step by step.",
            "It took an hour, but with the {thing} it worked.",
            "{He} gave the {animal} the {thing} and told it what to do.",
        ),
        (
            '"I will never forget that," said the {animal}, and it never did.',
            "The next day the {animal} came back and brought {him} some {food}.",
            "And when {hero} needed help one day, the {animal} was there.",
        ),
    )
)
SHARING = Plot(
    (
        (
            "{He} had {a_thing} and never shared it with anybody.",
            "{He} had {a_thing}, and nobody else could touch it.",
            "{He} loved {his} {thing} so much that {he} always hid it.",
        ),
        (
            'One {time} {an_animal} from the {place} asked, "May I have it for an hour?"',
            "One {time} {he} met {an_animal} in the {place} that wanted to play with it.",
            "In the {place} there was {an_animal} that had nothing to play with.",
        ),
        (
            '"No," said {hero}, "the {thing} is mine!"',
            "{hero} said no and went away with the {thing}.",
            "But {hero} only thought of the {thing} and said no.",
        ),
        (
            "But at home {he} was all alone, and that was no fun.",
            "That night {he} could not sleep, because {he} felt bad.",
            "But it was not nice to play alone.",
        ),
        (
            "So the next day {he} shared it with the {animal}, and they laughed all day.",
            'The next day {he} went to the {animal} and said, "Now it is yours and mine."',
            "So {he} looked for the {animal} and gave it the {thing}, and that felt much better.",
        ),
    ),
    traits=("proud", "young", "small", "quiet", "busy", "rich", "sad"),
)
LESSON = Plot(
    (
        (
            "{He} wanted to {art}, but {he} did not know how.",
            "More than anything {he} wanted to {art}.",
            "Everybody could {art}, only {hero} could not.",
        ),
        (
            "In the {place} lived {an_animal} that could {art} better than anybody.",
            "So {he} went to the {place}, where {an_animal} had a school.",
            "One {time} {he} met {an_animal} in the {place}, and it knew how to {art}.",
        ),
        (
            '"Bring me {a_thing}, and I will teach you," said the {animal}.',
            "The {animal} wanted {a_thing} for every lesson.",
            '"I need {a_thing}," said the {animal}. "Then we can begin."',
        ),
        (
            "{hero} brought it and worked every day.",
            "{hero} did so, and they began at once.",
            "{hero} ran home, and the next {time} {he} was back with it.",
        ),
        (
            "After a week {he} could {art}, and everybody came to see it.",
            "It took a year, but then {he} could {art} as well as the {animal}.",
            'In the end the {animal} said, "Now you can {art}. Teach somebody else."',
        ),
    )
)
DREAM = Plot(
    (
        (
            "One {time} {he} was so tired that {he} fell asleep near the {place}.",
            "One {time} {he} lay down in the grass near the {place} and closed {his} eyes.",
            "It was a warm {time}, and near the {place} {he} fell asleep.",
        ),
        (
            "{He} dreamed of {an_animal} that could talk.",
            "In {his} dream {an_animal} came and sat down beside {him}.",
            "There was {an_animal} in {his} dream, and it was as big as a house.",
        ),
        (
            '"Look under the old tree," said the {animal}.',
            '"I have something for you, under the old tree," said the {animal}.',
            'The {animal} said only one thing: "It is under the old tree."',
        ),
        (
            "When {hero} woke up, {he} ran to the tree and found {a_thing}.",
            "{hero} woke up, looked under the tree and saw {a_thing}.",
            "Then {hero} was awake, and under the tree lay {a_thing}.",
        ),
        (
            "Since then {he} always says good night to the {animal} in the dream.",
            "Was it only a dream? {hero} still has the {thing}.",
            "{He} told everybody about it, and nobody believed {him}.",
        ),
    )
)
THIEF = Plot(
    (
        (
            "One {time} {a_thing} was gone from the {place}.",
            "There was {a_thing} in the {place}, and one {time} it was gone.",
            "In the {place} everybody was looking for {a_thing} that was gone.",
        ),
        (
            '"Who took it?" the people asked, and {hero} wanted to know it too.',
            "The people were angry, but {hero} looked for a trail.",
            "{hero} was the only one who saw the small steps in the snow.",
        ),
        (
            "The trail ended at a hole, and there sat {an_animal} with the {thing}.",
            "{He} went on and on until {he} found {an_animal} that had the {thing}.",
            "Behind the last house {he} found {an_animal}, and it held the {thing}.",
        ),
        (
            '"I am sorry," said the {animal}. "I was alone, and it is so beautiful."',
            '"I only wanted to look at it," said the {animal}.',
            "The {animal} was hungry and wanted to sell it.",
        ),
        (
            "{hero} brought the {thing} back and took the {animal} home for dinner.",
            "They brought the {thing} back together, and nobody was angry with the {animal}.",
            '"You could have asked," said {hero}, and the {animal} gave it back.',
        ),
    ),
    traits=("clever", "curious", "young", "brave", "friendly", "quiet", "kind"),
)
NOISE = Plot(
    (
        (
            "Every night {he} heard a strange noise in the {place}.",
            "One night there was a strange noise in the {place}.",
            "Something in the {place} made a noise, and {he} could not sleep.",
        ),
        (
            "{He} was afraid, but {he} took {his} {thing} and went to look.",
            "{He} took {a_thing} and went out into the dark.",
            "With {a_thing} in {his} hand {he} opened the door.",
        ),
        (
            "Something moved, and {his} heart was loud.",
            "It was very dark, and the noise came near.",
            '"Who is there?" {he} asked.',
        ),
        (
            "Then the moon came out, and {hero} saw {an_animal} that was singing.",
            "But it was only {an_animal} that was cold, and {hero} had to laugh.",
            "It was nothing but {an_animal} that wanted to dance.",
        ),
        (
            "{hero} gave it the {thing}, and then it was quiet.",
            '"You may have my {thing} if you are quiet," {he} said, and the {animal} went to sleep.',
            "So {hero} sat down and sang with the {animal}, and the {thing} was their drum.",
        ),
    ),
    traits=("shy", "small", "young", "quiet", "brave", "tired", "curious"),
)
INVITED = Plot(
    (
        (
            'One {time} a letter came: "Come to the {place} and bring {a_thing}."',
            'One {time} {he} read on a wall, "Who has {a_thing}? Please bring it to the {place}."',
            "{He} heard that somebody in the {place} needed {a_thing}.",
        ),
        (
            "{hero} walked for three days, over the hills and through the rain.",
            "{hero} packed a bag and went by train.",
            "{hero} asked everybody for the way, and it was long.",
        ),
        (
            "At last {he} stood in front of {an_animal}.",
            "There was nobody there but {an_animal}.",
            "{An_animal} opened the door and smiled.",
        ),
        (
            '"I did not really need it," said the {animal}, "but nobody ever comes to see me."',
            '"You are the first who came," said the {animal}.',
            '"How kind of you!" said the {animal}. "I have waited for a whole year."',
        ),
        (
            "They drank tea, and {hero} stayed for a week.",
            "The {thing} is still there, and {hero} comes back every spring.",
            "They talked all night, and in the morning they were friends.",
        ),
    )
)
PLOTS = (
    *(LOST, FOUND, WORK, LOST_WAY, RACE, TRADE, BIRTHDAY, BROKEN),
    *(RIDDLE, RESCUE, SHARING, LESSON, DREAM, THIEF, NOISE, INVITED),
)
