"""Sentence frames and joints of the template teacher. `{ask}` is a clause that begins with a base-form verb.

Kept as plain tables, so that a reader can judge and extend them. No frame may be so frequent that its first
three words exceed 2 % of a run's queries; nothing here stands as a sentence of its own.
"""

from __future__ import annotations

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
    "Hi, could you {ask}?",
    "Hello, please {ask}.",
    "Hey, can you {ask}?",
    "Hey, {ask} for me.",
    "Good afternoon, could you {ask}?",
    "Good evening, would you {ask}?",
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
    "What I need is for you to {ask}.",
    "Quick one: {ask}.",
    "Small favour: {ask}.",
    "Morning, could you {ask}?",
    "How about you {ask}?",
    "Go ahead and {ask}.",
    "Would you be able to {ask}?",
    "You'd save me time if you could {ask}.",
    "As soon as you can, {ask}.",
    "I forgot to do it myself, so please {ask}.",
    "Since I'm short on time, could you {ask}?",
    "To get started, {ask}.",
    "Could somebody {ask}?",
    "Would you kindly {ask}?",
    "Should be simple: {ask}.",
)
"""Openings of a conversation that ask somebody to do it."""

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
    "Hi there, I need to {ask}.",
    "Good morning, I'd like to {ask}.",
    "Is it possible to {ask}?",
    "Let's {ask}.",
    "Let me {ask}.",
    "Time to {ask}.",
    "My plan is to {ask}.",
    "All I want is to {ask}.",
    "We need to {ask}.",
    "We'd like to {ask}.",
    "Somebody asked me to {ask}.",
    "My partner wants me to {ask}.",
    "Would it be all right to {ask}?",
    "Before I forget, {ask}.",
    "It's on my list to {ask}.",
    "I've been meaning to {ask}.",
    "I promised to {ask}.",
    "Do me a favour and {ask}.",
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
    "Great, {ask}.",
    "Great, could you {ask}?",
    "Perfect, now {ask}.",
    "Good to know, so {ask}.",
    "Thanks, please {ask}.",
    "Thanks, and could you {ask}?",
    "Lovely, {ask}.",
    "Fine, {ask}.",
    "Nice, can you {ask}?",
    "If it's no trouble, {ask}.",
    "Got it, now {ask}.",
    "Sounds good, please {ask}.",
    "In that case, {ask}.",
    "With that settled, {ask}.",
    "While you're at it, {ask}.",
    "One more thing: {ask}.",
    "Something else: {ask}.",
    "Another thing, {ask}.",
    "Oh, and {ask}.",
    "Could you also {ask}?",
    "Can you then {ask}?",
    "Would you now {ask}?",
    "Please also {ask}.",
    "Please go on and {ask}.",
    "Moving on, {ask}.",
    "That helps, so {ask}.",
    "That works, now {ask}.",
    "Wonderful, please {ask}.",
    "Excellent, {ask}.",
    "Cool, {ask}.",
    "Understood, then {ask}.",
    "Much appreciated, and now {ask}.",
    "Based on that, {ask}.",
    "Since that's done, {ask}.",
    "So {ask}.",
    "Right, {ask}.",
    "Super, could you {ask}?",
    "Well then, {ask}.",
)
"""The same for later turns."""

OWN_FOLLOW_UPS: Final[tuple[str, ...]] = (
    "While we're here, {ask}.",
    "Oh, I also need to {ask}.",
    "I should also {ask}.",
    "I also want to {ask}.",
    "The next step is to {ask}.",
    "Let's also {ask}.",
    "Let's now {ask}.",
    "Before we finish, {ask}.",
    "Before I go, {ask}.",
    "I'd now like to {ask}.",
    "I nearly forgot to {ask}.",
    "Now that I know, {ask}.",
)
"""The same for later turns."""

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
    "Once you know, {ask}.",
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
    "I can do that, but I still need the {noun}. What should it be?",
    "Sure. Could you tell me the {noun} first?",
    "Happy to {deed}. Which {noun} did you have in mind?",
    "Before I go ahead: what {noun} should I use?",
    "To {deed}, I need one more detail, the {noun}. Can you give it to me?",
    "One thing is missing: the {noun}. Could you add it?",
    "I don't want to guess the {noun}. What would you like it to be?",
    "You haven't mentioned the {noun} yet. What is it?",
    "Almost there. Please let me know the {noun} and I'll take care of it.",
    "What's the {noun}? I need it to {deed}.",
    "Could you specify the {noun}? Then I can {deed}.",
    "I'm missing the {noun} for this. What shall I put down?",
)

SUPPLIES: Final[tuple[str, ...]] = (
    "Make it {value}.",
    "Let's go with {value}.",
    "{Value}, please.",
    "{Value} should do.",
    "Ah sorry, {value}.",
    "Oh right, {value}.",
    "I meant {value}.",
    "Use {value} for that.",
    "Sorry, I left that out: {value}.",
    "The {noun} would be {value}.",
    "For the {noun}, take {value}.",
    "Put down {value} as the {noun}.",
    "Of course: {value}.",
    "That would be {value}.",
    "{Value} is what I had in mind.",
    "My mistake, I was thinking of {value}.",
    "Good catch, {value}.",
    "I should have said {value}.",
    "Please use {value} as the {noun}.",
    "Regarding the {noun}: {value}.",
    "As for the {noun}, {value} is fine.",
    "Right, the {noun}: {value}, please.",
    "Go for {value}.",
    "Well, {value} then.",
    "You need the {noun}? Take {value}.",
    "Set the {noun} to {value}.",
    "{Value} for the {noun}.",
    "I'd say {value}.",
    "Fair question — {value}.",
    "Here you go, {value}.",
)

ENABLES: Final[tuple[str, ...]] = (
    "You should be able to {deed} now, so please give it another try.",
    "I've just given you a tool to {deed}; go ahead with my request.",
    "There's a new function for you to {deed} — can you do it now?",
    "Okay, I've added what you need to {deed}, so please continue.",
    "Try again, since you can {deed} as of now.",
    "I sorted it out on my side and you can {deed}; please carry on with what I asked.",
    "Access is set up for you to {deed}, so do what I asked before.",
    "My admin switched on the option to {deed}, so how about now?",
    "Now that you can {deed}, please do it as I described.",
    "Does it work now that the tool to {deed} is there?",
    "That should be fixed: you're able to {deed} from here on, so go on.",
    "I've extended your tools so you can {deed}; please take care of it.",
    "A way to {deed} is in place, so kindly proceed.",
    "You've got the missing piece to {deed} — over to you.",
    "With the new tool to {deed} you can finish what I wanted.",
    "No problem, I've enabled you to {deed}, so let's do it.",
    "Fair enough; I've unlocked the function to {deed}, so please go ahead with it.",
    "Just updated your functions to let you {deed}, can you handle my request?",
    "Take another look, because you can {deed} at this point.",
    "Then let me hand you a tool to {deed}, and please use it for that.",
    "It's there now, the function to {deed}, so please do what I asked for.",
    "What about now, with a function to {deed} at hand?",
    "I found the right add-on to {deed}, so please pick this up again.",
    "Someone just connected a service to {deed}, which means you can go ahead.",
)

MENTIONED: Final[tuple[str, ...]] = ("that {noun}", "the same {noun}", "that same {noun}")
"""References to a value that this query has named."""

AGAIN: Final[tuple[str, ...]] = ("the same {noun}", "that same {noun}", "that {noun}", "the {noun} I just mentioned")
"""References to a value that the query before gave."""

LONG_AGAIN: Final[tuple[str, ...]] = ("the {noun} I mentioned earlier", "the {noun} I asked about before", "that {noun} from earlier")
"""References to a value that an older query gave."""

SAID_PLAINLY: Final = frozenset({"date", "time", "datetime"})
"""Kinds of values that people repeat rather than refer to."""
