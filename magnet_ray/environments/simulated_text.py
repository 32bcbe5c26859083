"""Sentences for output fields that hold prose: tips, reports, definitions, confirmations.

Each sentence speaks of the call's own subject (`topic`), so that it reads as an answer to that call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Final

from magnet_ray.field_kinds import kind_of, singular, tokens_of
from magnet_ray.field_kinds.coined import ABSTRACT, PLAIN_TYPES
from magnet_ray.field_kinds.meanings import coined_name
from magnet_ray.lexicon import LABELS, REMARKS
from magnet_ray.wording import listing

_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "message": (
        "Your request was completed.", "The request for {topic} went through.", "Everything is set for {topic}.",
            "The request was processed without problems.",
    ),
    "advice": (
        "For {topic}, start small, keep a weekly record and adjust after the first month.",
        "Set one clear goal for {topic}, ask someone experienced to review it, and plan regular breaks.",
        "Compare at least three options for {topic}, check the rules that apply locally, and write down what works.",
        "Begin with the basics of {topic}, practise twice a week and review progress every fortnight.",
    ),
    "report": (
        "The figures for {topic} are within the expected range, with a small rise over the last quarter.",
        "The review of {topic} found two strengths and one point to improve; no urgent action is needed.",
        "Results for {topic} are stable and slightly better than in the previous period.",
        "Most indicators for {topic} are positive; the follow-up is planned in six weeks.",
    ),
    "meaning": (
        "A term for {topic} as it is commonly used in this field.", "The usual sense is {topic}, mostly in everyday speech.",
            "It describes {topic} and closely related ideas.",
    ),
    "background": (
        "An overview of {topic}: how it began, what it is used for and where it stands today.",
        "Interest in {topic} has grown steadily since the 1990s, and it is now widely studied.",
        "Key facts about {topic}: its main features, typical examples and current trends.",
        "The material on {topic} covers its origins, its best-known examples and open questions.",
    ),
    "plan": (
        "Week 1: preparation; week 2: first round; week 3: review; week 4: final steps for {topic}.",
        "Monday and Wednesday mornings for {topic}, with a review on Friday at 15:00.",
        "Three phases for {topic}: groundwork, a pilot of two weeks, then the full rollout.",
    ),
    "route": ("Follow Station Avenue north, cross Market Square and continue on Mill Road for 4 km.",
        "Take the ring road east for 9 km, then turn left into Harbor Road."),
    "rules": (
        "Written notice of 30 days is required, and records on {topic} must be kept for five years.",
        "The rules on {topic} call for prior consent, a named contact and a yearly review.",
        "Requests about {topic} are answered within ten working days and may be appealed once.",
    ),
    "services": ("advice by phone, on-site training and a monthly newsletter", "assessment, planning support and follow-up visits",
        "introductory sessions, equipment loans and group discounts"),
    "method": ("The values for {topic} were averaged over five measurements and rounded.",
        "Two independent samples of {topic} were compared and the outliers removed."),
    "remark": REMARKS,
    "several": (
        "Three {noun} are on record for {topic}; the first is the most common.",
        "The main {noun} for {topic} are listed in order of importance, the newest last.",
        "Most of the {noun} known for {topic} are minor; two deserve a closer look.",
        "The {noun} for {topic} were last reviewed in spring and have changed little since.",
    ),
    "aspect": (
        "The {noun} for {topic} has three parts, each described with an example.",
        "The {noun} for {topic} follows the usual pattern, with two exceptions.",
        "In the case of {topic}, the {noun} is simple at first and grows more detailed later.",
        "The {noun} for {topic} was revised last year and is now in its second version.",
    ),
}  # fmt: skip
_STYLE_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "remark": frozenset({"comment", "comments", "tweet", "caption", "remark", "testimonial", "reply"}),
    "message": frozenset({"message", "msg", "confirmation", "notice", "notification", "response", "acknowledgement", "reply"}),
    "advice": frozenset({"tips", "tip", "recommendations", "recommendation", "advice", "suggestions", "suggestion", "instructions",
        "guidance", "practices", "hints", "steps", "techniques", "exercises", "interventions", "guidelines", "tutorial",
        "guide"}),
    "report": frozenset({"report", "result", "results", "analysis", "summary", "assessment", "insights", "evaluation", "findings",
        "feedback", "diagnosis", "statistics", "performance", "outcome", "trends", "trend", "review", "metrics", "conclusion",
        "impact", "effects", "effect", "comparison"}),
    "meaning": frozenset({"interpretation", "definition", "meaning", "explanation", "pronunciation", "translation", "etymology",
        "synonyms"}),
    "background": frozenset({"information", "info", "description", "history", "origin", "background", "overview", "details",
        "data", "biography", "bio", "content", "story", "text", "note", "plot", "body", "snippet", "excerpt", "abstract",
        "article", "theory", "significance", "culture", "lyrics", "synopsis", "characteristics", "concept", "philosophy"}),
    "plan": frozenset({"schedule", "plan", "program", "timeline", "itinerary", "strategy", "agenda", "curriculum", "roadmap",
        "treatment", "options", "workflow", "procedure"}),
    "route": frozenset({"route", "directions", "path", "navigation"}),
    "rules": frozenset({"policy", "policies", "law", "laws", "regulations", "regulation", "rules", "requirements", "ethics",
        "compliance", "rights", "guideline", "terms", "conditions"}),
    "services": frozenset({"services", "resources", "benefits", "features", "support", "activities", "facilities", "amenities",
        "programs", "opportunities"}),
    "method": frozenset({"method", "methods", "methodology", "calculation", "formula", "process"}),
}  # fmt: skip


def output_text(name: str, topic: str, rng: Random, today: date) -> str:
    """A sentence or phrase for an output field of this name about `topic`."""
    tokens = tokens_of(name)
    if tokens[-1:] in (("name",), ("title",)):
        return coined_name(name, "", rng)
    if tokens[-1:] in (("code",), ("abbreviation",), ("abbr",), ("tag",)):
        return "".join(rng.choice("BCDFGHKLMNPRSTVX") for _ in range(2)) + str(rng.randint(10, 99))
    if tokens[-1:] == ("type",):
        return rng.choice(PLAIN_TYPES)
    if tokens[-1:] in (("fmt",), ("formatted",), ("raw",)):
        return f"{rng.randint(12, 9800) / 10:,}"
    style = next((style for token in reversed(tokens) for style, words in _STYLE_WORDS.items() if token in words), "")
    last = tokens[-1] if tokens else ""
    kind = kind_of(singular(last)) if not style and last.endswith("s") else None
    if kind and kind.text and not kind.group:
        return listing(list(dict.fromkeys(kind.draw_text(rng, today) for _ in range(3))))
    if not style:
        several = last.endswith("s") and singular(last) != last
        if not several and not ABSTRACT.search(last):
            return _label(last, rng)
        style = "several" if several else "aspect"
    sentence = rng.choice(_STYLES[style]).replace("{topic}", topic).replace("{noun}", " ".join(tokens))
    return sentence[0].upper() + sentence[1:] if sentence.endswith(".") else sentence


def _label(noun: str, rng: Random) -> str:
    """A short label for a field that nothing explains: `Class B`, `Cedar`."""
    if noun in {"level", "class", "type", "grade", "category", "stage", "classification", "group", "tier", "zone"}:
        return f"{noun.capitalize()} {rng.choice(('A', 'B', 'C', '1', '2', '3'))}"
    return rng.choice(LABELS)
