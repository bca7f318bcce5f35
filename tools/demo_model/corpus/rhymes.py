"""The lines of the poems, by rhyme. Data only.

Each line stands alone, so that any two of a group make a couplet: a group of six lines is fifteen pairs of rhymes.
"{s}" is what the poem is about. At least one line of each group has it, because a poem begins with one.
"""

from __future__ import annotations

Group = tuple[str, ...]

AY: Group = (
    "The {s} and I, we love to play",
    "The sun is out, it is a lovely day",
    "The clouds have gone, the sky is not so gray",
    "I know a song, I know the way",
    "Near the {s} I want to stay",
    "And all my fears have gone away",
    "It is the first warm day in May",
)
IGHT: Group = (
    "I saw the {s} in the morning light",
    "The stars are small, the moon is bright",
    "The {s} was dark, the snow was white",
    "We talk and laugh into the night",
    "Sleep well, my friend, I say good night",
    "It was a strange and lovely sight",
)
EE: Group = (
    "I sat with the {s} under a tree",
    "The sun goes down behind the sea",
    "The {s} is there for you and me",
    "Above the flowers flies a bee",
    "The wind is young, the birds are free",
    "There is so much that we can see",
)
OH: Group = (
    "I ask the {s} where to go",
    "The fields are white, they sleep in snow",
    "The boat is small, the wind is slow",
    "The {s} knows what I do not know",
    "I take a seed and see it grow",
    "Over the lake the boats can row",
)
SKY: Group = (
    "The {s} waits under the sky",
    "The trees are old, the hills are high",
    "If I were a bird, I would fly",
    "I smile at the {s} and say goodbye",
    "The clouds are white and travel by",
    "And nobody needs to ask me why",
)
ING: Group = (
    "For the {s} I want to sing",
    "The snow is gone, it will be spring",
    "Listen to the bells that ring",
    "The {s} is dear to every king",
    "A bird flies up on a silver wing",
    "Who knows what the day will bring",
)
OUND: Group = (
    "Here is the {s} that I found",
    "The moon is big, the moon is round",
    "The {s} does not make a sound",
    "The leaves are red upon the ground",
    "I dance and turn and look around",
)
ALL: Group = (
    "The {s} is neither big nor small",
    "The old tree in the yard is tall",
    "The leaves are brown, they start to fall",
    "I hear the {s} when I call",
    "The cat is asleep on the garden wall",
    "The children run and kick the ball",
)
UE: Group = (
    "I like the {s}, and you do too",
    "The sky today is wide and blue",
    "The grass is fresh, the day is new",
    "The {s} is waiting for me and you",
    "What I tell you here is true",
    "There is a path, and we walk it, we two",
)
AIR: Group = (
    "I looked for the {s}, and it was there",
    "There is a song in the evening air",
    "Behind the hill there lives a bear",
    "My grandmother sleeps in her old chair",
    "There is some bread that we can share",
    "The {s} is lovely, the {s} is rare",
)
OLD: Group = (
    "The {s} is happy, the {s} is old",
    "The night is long, the wind is cold",
    "The evening sky is red and gold",
    "This is the tale that I was told",
    "Give me your hand for me to hold",
)
UN: Group = (
    "The {s} is waiting in the sun",
    "Come out and play, it will be fun",
    "The rain is over, the day is done",
    "With the {s} I want to run",
    "Two eyes I have, and a nose, but one",
)
AKE: Group = (
    "I see the {s} beside the lake",
    "It is so early, but I am awake",
    "We drink some tea and eat some cake",
    "This is a song that I like to make",
    "A walk in the rain is what we take",
)
AIN: Group = (
    "I think of the {s} in the rain",
    "Far away I hear a train",
    "Tomorrow we will meet again",
    "Somebody sings in the narrow lane",
    "The {s} is quiet, the words are plain",
)
EEP: Group = (
    "The {s} is tired and falls asleep",
    "The sea is wide, the sea is deep",
    "On the hill there are ten white sheep",
    "The {s} is mine, and mine to keep",
    "The mouse is so quiet, I hear it creep",
)
ED: Group = (
    "The {s} is in my heart and head",
    "The apples on the tree are red",
    "It is late, and I go to bed",
    "The {s} is lovely, somebody said",
    "Good morning, here are milk and bread",
)
ELL: Group = (
    "About the {s} I want to tell",
    "I hear the sound of a little bell",
    "The grass and the flowers have a good smell",
    "On the white sand I found a shell",
    "The {s} is fine, and all is well",
)
OUSE: Group = (
    "The {s} is far from my little house",
    "Under the floor there lives a mouse",
    "The {s} is known to every mouse",
)
OX: Group = (
    "There goes the {s}, there comes the fox",
    "I keep my song in a small blue box",
    "We hear the sound of a hundred clocks",
    "The {s} looks fine in my green socks",
)
AT: Group = (
    "Who knows the {s}? Perhaps the cat",
    "I walk in the rain and need a hat",
    "The {s} and I, we like to chat",
    "High in the dark there flies a bat",
)
OAT: Group = (
    "To see the {s} I took a boat",
    "It is so cold, I need a coat",
    "About the {s} somebody wrote",
    "High on the hill there stands a goat",
)
GROUPS = (
    *(AY, IGHT, EE, OH, SKY, ING, OUND, ALL, UE, AIR, OLD),
    *(UN, AKE, AIN, EEP, ED, ELL, OUSE, OX, AT, OAT),
)
