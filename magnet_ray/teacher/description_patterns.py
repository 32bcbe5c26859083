# ruff: noqa: E501 — patterns are kept whole, so that they can be read and searched
"""Patterns of API descriptions: what introduces the deed, what trails off after it, and what is no deed at all."""

from __future__ import annotations

import re

THING = r"(?:end ?point|api|method|function|tool|call|request|service|route|operation|resource|action|feature|command|module|query|web service|get request)"
BOILERPLATE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^(?:hi|hello|note|warning|beta|new|deprecated|description|summary|premium|free|important|optional|info)\s*[!:.\-]+\s*",
        rf"^(?:with|by using|using|via|through|in) (?:this|the|our) (?:[\w-]+ ){{0,3}}{THING},? ?(?:you|users?|we)(?: can| may| will be able to| are able to|'ll)?(?: easily| quickly)? ",
        rf"^(?:this|the|our|an?)(?: [\w'/-]+){{0,4}}? {THING}s?(?: (?:here|below|also|simply|only|just|basically|will|can|may|should|could))*(?: be)?(?: (?:is|are))? ?(?:used|useful|designed|intended|meant|responsible|made|available|built)? ?(?:(?:to|for|that|which)\b)? ?(?:you(?: to)?\b)? ?",
        r"^(?:design(?:ed)?|meant|intended|built) to (?=\w)",
        r"^(?:provid|giv|offer)\w* (?:you |users? )?(?:with )?(?:the |an? )?(?:flexibility|possibility|ability|abilities|option|opportunity|way|means|capability|functionality) (?:to|of|for) ",
        r"^(?:(?:this|the) [\w-]+|end ?points?|api|method|function|service) (?=(?:returns|gets|delivers|provides|retrieves|gives|shows|lists|fetches|displays|allows|computes|calculates|generates|checks|finds|searches)\b)",
        rf"^(?:an? )?(?:simple |public |free |rest |get |http |post )*{THING} (?:to|for|that|which|used to|will)\b(?: be used to)? ?",
        r"^(?:(?:you|we|users?|one|developers?)(?:'ll| will| can| may| could)|(?:it|they)(?:'ll| will| can| may| could)?)(?: be able to| also| now| easily| quickly| simply)*(?: use (?:this|the|it)(?: \w+){0,2} to)? ",
        rf"^(?:please )?use(?:d|ful)?(?: this| the| it)?(?: {THING})? (?:to|for|when you want to|if you want to) ",
        r"^(?:allow|enable|let|help|permit|offer)(?:s|ing)?(?: (?:you|users?|the users?|users or \w+|the client|clients|developers?|customers?|one|us|the caller|people))? ?(?:to|the ability to|an? option to)?\b ?",
        r"^(?:will|can|may|to|simply|just|please|also|easily|quickly|automatically|basically|currently|is|are|be|that|which|this|here|it|then|used to|used for|able to) ",
        r"^(?:is |are |be )?(?:responsible for|used for|useful for|for|capable of|the ability to|ability to|in charge of|an? way to|a function to|a tool to|helps? to|helps?) (?=\w+ing\b|\w+ )",
        r"^(?:given|based on|provided|by passing|by providing|by sending|when given|for (?:a|an|each|the)(?: given| specific)?|pass(?:ing)?|from|if|when|in|after|as|once)\b [^,.]{3,90}?, (?:this(?: \w+)? |it |you (?:can |will )?|we |the (?:api|endpoint) (?:will )?)?",
    )
)
CUTS = re.compile(
    r"\s*(?:,? (?:e\.?g\.?|i\.?e\.?|etc|such as|including|includes?|so that|in order to|which|where|whose|whereby|because|since you|when you|while|if you|if the|if it|if no|unless|"
    r"but|as well as|along with|together with|in case|via|depending on|according to|returning|supplied|returns? (?:an?|the|binary|title)|taking (?:into|in|the|a)|and (?:can|is|are|will|has|does)|and (?:then )?(?:returns?|gets?|gives?|shows?|outputs?|provides?)|sorted by|ordered by|"
    r"(?:by|with) (?:passing|providing|specifying|giving|using|supplying|entering|sending|its|their|your|the given|a given|the specified|given|inputting|various|different|optional|following|additional|the following|parameters)|"
    r"using (?:the|a|an|our|this|its|their|your)|given (?:the|a|an|its|their|your|some|that)|based on|for use (?:in|with)|you (?:want|need|can|would|have|choose|specify|provide|use)|"
    r"that (?:you|match|matches|matched|can|could|will|meet|we|is|are|was|were|has|have|allows?|contains?|includes?|fits?|fit)|from (?:this|the|our) (?:api|endpoint|database|system)|in (?:json|the response|this api|the api|our database|the system|one (?:request|call))|"
    r"to (?:use|be used|help|get|see|improve|ensure|understand|determine|prevent|identify|enhance|provide|make)|that|for you|for free|over time|as (?:a|an|the) (?:json|response|result|output|list|string|float|json object|array)))\b.*$"
    r"|(?<!\ba)(?<!\ban)(?<!\bthe)\s+(?:provided|specified|passed|returned)\b.*$"
    r"|\s*[;:(){}<>\[\]|*#=@$^~\"“”‘].*$|\s+[-–—]+\s.*$|,(?!\d).*$",  # noqa: RUF001
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
NOT_OURS = re.compile(
    r"^(?:for|if|when|please|note|enter|you|your|our|we|i|asd|test|testing|with|in|by|welcome|here|there|click|go|example|default|warning|must|see|only|sorry|supported|required|"
    r"each|free|redirect|https?|will|as|because|since|on|from|at|not|no|based|given|otherwise|currently|powered|api|endpoint|response|it|this|that|and|or|method|using|simply|c|read)$",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r"^(?:[\w'-]+ ){0,5}(?:is|are|was|were|will|has|have|does|do|can|should|must|means|contains|represents|consists)\b", re.IGNORECASE
)
LIST_OF = re.compile(
    r"^(?:(?:a|an|the|your|out) )*(?:(?:complete|full|comprehensive|paginated|whole|entire|detailed|sorted|updated|current|static|unique) )*(?:list|lists|listing|listings|array|set|collection|json)s? (?:of|with|containing|for) (?=\w)",
    re.IGNORECASE,
)
