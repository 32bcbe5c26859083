"""Verbs and sentence frames for derived phrases, as plain tables that a reader can judge and extend.

`{}` is a noun phrase in `LOOKUPS`, `PLAIN_LOOKUPS` and `WANTS`, and a base-form clause in `GENERAL` and `DOINGS`.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOKUPS = (
    "get {}",
    "look up {}",
    "find {}",
    "pull up {}",
    "fetch {}",
    "bring up {}",
    "check {}",
    "track down {}",
    "see {}",
    "take a look at {}",
    "go and get {}",
    "dig up {}",
)
"""Ways to ask for something; `{}` is a noun phrase."""
PLAIN_LOOKUPS = ("get {}", "find {}", "pull together {}", "gather {}", "fetch {}", "look for {}", "dig up {}", "collect {}")
"""For information and other things that are not looked at or checked."""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "calculate": ("calculate", "work out", "compute", "figure out"),
    "compute": ("compute", "work out", "calculate", "figure out"),
    "estimate": ("estimate", "work out an estimate of", "come up with an estimate of", "gauge"),
    "determine": ("determine", "find out", "work out", "establish"),
    "check": ("check", "look into", "take a look at", "run a check on"),
    "convert": ("convert", "do a conversion of", "go ahead and convert"),
    "use": ("use", "run", "make use of", "try"),
    "create": ("create", "set up", "make", "put together"),
    "generate": ("generate", "create", "make", "produce"),
    "update": ("update", "change", "go and update", "make an update to"),
    "delete": ("delete", "remove", "get rid of", "erase"),
    "remove": ("remove", "delete", "get rid of", "take out"),
    "analyze": ("analyze", "run an analysis of", "take a close look at", "examine"),
    "book": ("book", "reserve", "go ahead and book", "make a booking for"),
    "reserve": ("reserve", "book", "go ahead and reserve", "put aside"),
    "cancel": ("cancel", "call off", "go ahead and cancel"),
    "schedule": ("schedule", "set up", "arrange", "plan"),
    "submit": ("submit", "send in", "hand in", "put in"),
    "predict": ("predict", "forecast", "make a prediction of", "work out a prediction of"),
    "evaluate": ("evaluate", "assess", "make an assessment of", "weigh up"),
    "assess": ("assess", "evaluate", "make an assessment of", "weigh up"),
    "verify": ("verify", "confirm", "check", "double-check"),
    "validate": ("validate", "check", "double-check", "confirm the validity of"),
    "identify": ("identify", "work out", "pin down", "recognise"),
    "start": ("start", "kick off", "get going with", "begin"),
    "stop": ("stop", "put an end to", "bring to a halt", "halt"),
    "detect": ("detect", "spot", "look for", "pick out"),
    "download": ("download", "grab", "save", "go and download"),
    "track": ("track", "keep track of", "follow", "keep an eye on"),
    "monitor": ("monitor", "keep an eye on", "watch over", "keep track of"),
    "optimize": ("optimize", "fine-tune", "get the best out of", "tune"),
    "record": ("record", "log", "make a record of", "note down"),
    "explain": ("explain", "spell out", "walk through", "talk me through"),
}
"""Other ways to say a verb before the same object."""
WHETHER = ("check", "find out", "see", "look into")
"""Verbs before a clause with `whether`."""
GENERAL = ("go ahead and {}", "go and {}", "try to {}")
"""Ways to vary a clause whose verb has few synonyms."""
WANTS = (
    "I need {}.",
    "What I'm after is {}.",
    "Looking for {}.",
    "Any chance of seeing {}?",
    "I was wondering about {}.",
    "Where can I find {}?",
    "I'm curious about {}.",
    "Let's see {}.",
    "I could use {}.",
    "It would help to see {}.",
    "Is there a way to see {}?",
    "How about {}?",
    "Next up: {}.",
    "I'm still missing {}.",
    "We need {}.",
    "Do you have {}?",
    "I came here for {}.",
    "Someone asked me about {}.",
    "My question is about {}.",
    "I haven't seen {} yet.",
    "Mind looking up {}?",
    "Time to look at {}.",
    "I want to see {}.",
    "I'd love to see {}.",
    "Everyone here wants to see {}.",
    "I'm interested in {}.",
    "Can I see {}?",
    "I'd like to know about {}.",
    "Just {}, please.",
)
"""Sentences about a noun phrase."""
DOINGS = (
    "I need you to {}.",
    "Let's {}.",
    "It's time to {}.",
    "Is it possible to {}?",
    "We should {}.",
    "I have to {}.",
    "The next step is to {}.",
    "I'm trying to {}.",
    "How do I {}?",
    "I've been meaning to {}.",
    "Would it be OK to {}?",
    "My plan is to {}.",
    "Any way to {}?",
    "I was hoping to {}.",
    "They want me to {}.",
    "Someone has to {}.",
    "How about we {}?",
    "What would it take to {}?",
    "I'm supposed to {}.",
    "The idea is to {}.",
    "You'd do me a favour if you could {}.",
    "We still have to {}.",
    "For my work I must {}.",
    "I can't manage to {} myself.",
)
"""Sentences about a base-form clause."""
