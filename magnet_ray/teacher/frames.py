"""Sentence frames and joints of the template teacher. `{ask}` is a clause that begins with a base-form verb.

Kept as plain tables, so that a reader can judge and extend them. No frame may be so frequent that its first
three words exceed 2 % of a run's queries; nothing here stands as a sentence of its own.
"""

from __future__ import annotations

import re
from typing import Final

OPENINGS: Final[tuple[str, ...]] = (
    "Could you {ask}?",
    "Can you {ask}?",
    "Would you {ask}?",
    "Please {ask}.",
    "{Ask}, please.",
    "{Ask}, if you can.",
    "{Ask}, if that's possible.",
    "{Ask} when you get a moment.",
    "I was wondering if you could {ask}.",
    "Any chance you could {ask}?",
    "Are you able to {ask}?",
    "Do you think you could {ask}?",
    "Could I get you to {ask}?",
    "May I ask you to {ask}?",
    "It would help a lot if you could {ask}.",
    "I'd appreciate it if you could {ask}.",
    "I'd be grateful if you would {ask}.",
    "Be so kind as to {ask}.",
    "Kindly {ask}.",
    "Quick one: {ask}.",
    "Small favour: {ask}.",
    "Go ahead and {ask}.",
    "Would you be able to {ask}?",
    "You'd save me time if you could {ask}.",
    "As soon as you can, {ask}.",
    "Since I'm short on time, could you {ask}?",
    "Would you kindly {ask}?",
    "Should be simple: {ask}.",
)
"""Openings of a conversation that ask somebody to do it."""

GREETINGS: Final[tuple[str, ...]] = (
    "Hi, could you {ask}?",
    "Hello, please {ask}.",
    "Hey, can you {ask}?",
    "Hey, {ask} for me.",
    "Good afternoon, could you {ask}?",
    "Good evening, would you {ask}?",
    "Morning, could you {ask}?",
    "Good morning, please {ask}.",
    "Hi there, can you {ask}?",
    "Hello there, would you {ask}?",
    "To get started, {ask}.",
)
"""The same, for the first words of a conversation."""

OWN_OPENINGS: Final[tuple[str, ...]] = (
    "I need to {ask}.",
    "I'd like to {ask}.",
    "I want to {ask}.",
    "I have to {ask}.",
    "I'm hoping to {ask}.",
    "I'm trying to {ask}.",
    "I'm looking to {ask}.",
    "Would you mind helping me {ask}?",
    "Help me {ask}.",
    "Is it possible to {ask}?",
    "Let's {ask}.",
    "Let me {ask}.",
    "Time to {ask}.",
    "My plan is to {ask}.",
    "All I want is to {ask}.",
    "We need to {ask}.",
    "We'd like to {ask}.",
    "My partner wants me to {ask}.",
    "Would it be all right to {ask}?",
    "It's on my list to {ask}.",
    "I've been meaning to {ask}.",
    "I promised to {ask}.",
    "Right now I need to {ask}.",
    "I think I should {ask}.",
    "Looks like I have to {ask}.",
    "Can we {ask}?",
    "Could we {ask}?",
)
"""Openings in which the user is the one who does it: not for clauses that say `me`."""

FOLLOW_UPS: Final[tuple[str, ...]] = (
    "Now {ask}.",
    "Now please {ask}.",
    "Next, {ask}.",
    "Then {ask}.",
    "After that, {ask}.",
    "And {ask}.",
    "Also, {ask}.",
    "OK, {ask}.",
    "Okay, now {ask}.",
    "Alright, {ask}.",
    "Thanks, please {ask}.",
    "Thanks, and could you {ask}?",
    "If it's no trouble, {ask}.",
    "While you're at it, {ask}.",
    "One more thing: {ask}.",
    "Something else: {ask}.",
    "Another thing, {ask}.",
    "Oh, and {ask}.",
    "Could you also {ask}?",
    "Can you also {ask}?",
    "Would you now {ask}?",
    "Please also {ask}.",
    "Moving on, {ask}.",
    "Much appreciated, and now {ask}.",
    "Right, {ask}.",
    "Before I forget, {ask}.",
    "Do me a favour and {ask}.",
)
"""Frames for later turns."""

AFTER_DEED: Final[tuple[str, ...]] = (
    "Great, {ask}.",
    "Great, could you {ask}?",
    "Perfect, now {ask}.",
    "Lovely, {ask}.",
    "Nice, can you {ask}?",
    "With that settled, {ask}.",
    "That works, now {ask}.",
    "Wonderful, please {ask}.",
    "Excellent, {ask}.",
    "Since that's done, {ask}.",
    "Super, could you {ask}?",
    "Glad that worked; now {ask}.",
)
"""The same after something was done."""

AFTER_LOOKUP: Final[tuple[str, ...]] = (
    "Good to know; now {ask}.",
    "Got it, now {ask}.",
    "Sounds good, please {ask}.",
    "In that case, {ask}.",
    "That helps; please {ask}.",
    "Cool, {ask}.",
    "Understood; please {ask}.",
    "Fine, {ask}.",
    "Interesting; could you {ask}?",
    "I see; {ask}, please.",
    "Okay, that's clear; now {ask}.",
    "Well then, {ask}.",
)
"""The same after something was looked up."""

OWN_FOLLOW_UPS: Final[tuple[str, ...]] = (
    "Oh, I also need to {ask}.",
    "I should also {ask}.",
    "I also want to {ask}.",
    "The next step is to {ask}.",
    "Let's also {ask}.",
    "Let's now {ask}.",
    "I'd now like to {ask}.",
    "I nearly forgot: I have to {ask}.",
    "I also have to {ask}.",
)
"""The same where the user is the one who does it."""

ASSISTANTS_VERBS: Final = frozenset(
    re.findall(
        r"\w+",
        """show list tell give name read put let have get send pull come suggest recommend bring remind make ask note take explain
        print spell walk run dig grab fetch hand inform outline describe summarise summarize see""",
    )
)
"""First verbs of clauses that only the assistant carries out: nobody says `I need to show my open assignments`."""

JOINTS: Final[tuple[str, ...]] = (
    "{first}, and {second}",
    "{first}, then {second}",
    "{first} and then {second}",
    "{first}; after that, {second}",
    "{first}, and also {second}",
    "{first}, and while you're at it, {second}",
    "first {first}, then {second}",
    "{first} and, once that's done, {second}",
    "{first}, plus {second}",
)

TRIPLE_JOINTS: Final[tuple[str, ...]] = (
    "{first}, {second}, and {third}",
    "{first}, then {second}, and finally {third}",
    "first {first}, then {second}, and after that {third}",
    "{first} and {second}, then {third}",
    "{first}; next, {second}; and last, {third}",
)

AFTER_QUESTION: Final[tuple[str, ...]] = (
    "And please {ask}.",
    "Also, {ask}.",
    "Then {ask}.",
    "After that, {ask}.",
    "While you're at it, {ask}.",
    "I also need you to {ask}.",
    "Next, {ask}.",
    "On top of that, {ask}.",
    "Besides that, could you {ask}?",
    "And could you {ask}?",
)
"""Frames for asks that follow another sentence of the same query."""

DECLINES: Final[tuple[str, ...]] = (
    "I'm sorry, but I can't {deed} with the tools I have here.",
    "None of the tools available to me can {deed}, so I can't help with that right now.",
    "I don't have a way to {deed} at the moment.",
    "That isn't something I can do here: I have no tool to {deed}.",
    "Unfortunately I can't {deed}; the functions I was given don't cover it.",
    "I'd need a function to {deed}, and there isn't one among those I have.",
    "Right now I'm not able to {deed}. If you can give me access to a suitable tool, I'll do it.",
    "Sorry, there's nothing in my toolset to {deed}, so I'd rather not guess.",
    "I looked at what I can use, and nothing lets me {deed}.",
    "To do this I would have to {deed}, which my current tools don't allow.",
    "I can't complete this request, because no available tool can {deed}.",
    "My tools don't let me {deed}, so I have to leave this open for now.",
)

CLARIFICATIONS: Final[tuple[str, ...]] = (
    "Sure, {question}?",
    "Happy to do that. {Question} would you like?",
    "I can do that, but you haven't said {question} yet.",
    "Before I go ahead: {question} should I put down?",
    "{Question} did you have in mind?",
    "One detail is missing: {question}?",
    "I don't want to guess. {Question} should it be?",
    "Could you tell me {question} you'd like? Then I'll take care of it.",
    "Almost there. {Question}?",
    "To {deed}, I still need to know {question}.",
    "Of course. {Question} would that be?",
    "I just need to know {question} before I continue.",
)
"""The assistant asks for a value; `{question}` begins like `how many guests` or `which restaurant`."""

CLARIFICATIONS_OF_SEVERAL: Final[tuple[str, ...]] = (
    "To {deed}, I still need to know {question}.",
    "Before I can {deed}: {question} should I put down?",
    "One detail is missing to {deed}: {question}?",
    "I'll see to all of that, but to {deed} I need to know {question} first.",
    "Happy to help with everything. To {deed}, I only have to know {question} you have in mind.",
    "{Question} did you have in mind? I need it to {deed}.",
    "I don't want to guess {question} you'd like. Could you tell me, so that I can {deed}?",
    "You haven't said {question} yet; without it I can't {deed}.",
    "Sure. To {deed}, {question} would you like?",
    "{Question} would you like? Then I can {deed} and see to the rest.",
)
"""The same where the request holds other things too."""

SUPPLIES: Final[tuple[str, ...]] = (
    "Make it {value}.",
    "Let's go with {value}.",
    "{Value}, please.",
    "Ah sorry, {value}.",
    "Oh right, {value}.",
    "I meant {value}.",
    "Sorry, I left that out: {value}.",
    "The {noun} would be {value}.",
    "Put down {value} as the {noun}.",
    "Of course: {value}.",
    "That would be {value}.",
    "{Value} is what I had in mind.",
    "My mistake, I was thinking of {value}.",
    "Good catch, {value}.",
    "I should have said {value}.",
    "Please use {value} as the {noun}.",
    "As for the {noun}, {value} is fine.",
    "Go for {value}.",
    "Well, {value} then.",
    "{Value} for the {noun}.",
    "I'd say {value}.",
    "Fair question — {value}.",
    "Sorry, that wasn't clear: {value}.",
    "Didn't I say {value}?",
    "I thought I had mentioned it: {value}.",
    "{Value}, thanks.",
    "Just {value}.",
    "{Value} would be best.",
    "Let me say {value}.",
    "Take {value}.",
    "{Value} if possible.",
    "Ideally {value}.",
    "I was going for {value}.",
    "Preferably {value}.",
    "Sure, {value}.",
    "Yes, sorry: {value}.",
    "It's {value}.",
    "Right: {value}.",
    "{Value}, I think.",
    "Oops, {value}.",
    "Then {value}, please.",
)

ENABLES: Final[tuple[str, ...]] = (
    "I've just given you a tool for that",
    "there's a new function for that",
    "I've added what was missing",
    "you should have access now",
    "my admin has switched that on for you",
    "you should be able to {deed} now",
    "I've connected a tool to {deed}",
    "the right add-on is installed now",
    "I've extended your tools",
    "that's fixed on my side",
    "you've got the missing piece now",
    "I found you a tool to {deed}",
    "the option is available now",
    "you can {deed} from here on",
    "I've unlocked that for you",
)
"""The user says that the missing function is there."""

ENABLED_SO: Final[tuple[str, ...]] = (
    ", so please go ahead.",
    ", so please try again.",
    " — can you do it now?",
    ", so please do what I asked for.",
    ", so over to you.",
    "; please carry on.",
    ", could you take care of it now?",
    ", so how about now?",
    ", so please pick this up again.",
    ", so let's do it.",
    ", so give it another try.",
    " — mind having another go?",
)
"""What the user wants done with it."""

ENABLED_FIRST: Final[tuple[str, ...]] = (
    "",
    "",
    "",
    "okay, ",
    "right, ",
    "no problem, ",
    "fair enough, ",
    "sorry about that, ",
    "ah, ",
    "all right, ",
)
"""How the user takes the refusal."""

MENTIONED: Final[tuple[str, ...]] = ("that {noun}", "the same {noun}", "that same {noun}")
"""References to a value that this query has named."""

AGAIN: Final[tuple[str, ...]] = ("the same {noun}", "that same {noun}", "that {noun}", "the {noun} I just mentioned")
"""References to a value that the query before gave."""

LONG_AGAIN: Final[tuple[str, ...]] = ("the {noun} I mentioned earlier", "the {noun} I asked about before", "that {noun} from earlier")
"""References to a value that an older query gave."""

SAME_DAY: Final[tuple[str, ...]] = ("that day", "the same day")
"""References to a date that this query or the one before gave."""

PLACES: Final = re.compile(r"\b(point|destination|origin|city|town|station|district|name|country)$")
"""Nouns of values that are repeated rather than referred to."""

PERSONS: Final = frozenset({"recipient", "addressee", "holder", "member's name", "person"})
"""Nouns that stand as `somebody` when nobody is named."""

SAID_PLAINLY: Final = frozenset({"date", "time", "datetime"})
"""Kinds of values that people repeat rather than refer to."""
