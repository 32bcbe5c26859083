"""Word tables for reading function descriptions: verbs and their base forms, acronyms, abbreviations.

Only tables and look-ups; nothing here knows about functions.
"""

from __future__ import annotations

import re
from functools import lru_cache


def word_list(text: str) -> tuple[str, ...]:
    """The words of a text: for tables that are read as prose."""
    return tuple(text.split())


LOOKUP_VERBS = frozenset(
    word_list(
        """
    get return fetch retrieve list show give provide view display obtain receive load access read see find lookup
    pull query collect present expose output describe grab contain browse discover explore deliver yield
    """
    )
)
"""Verbs that only say that something is handed over."""

VERBS = LOOKUP_VERBS | frozenset(
    word_list(
        """
    accept acquire activate adapt add adjust administer advise advertise aggregate align allocate allow analyse
    analyze animate annotate announce answer append apply approve archive arrange assess assign attach audit
    authenticate authorize autocomplete automate balance ban block book borrow brake broadcast build buy cache
    calculate calibrate call cancel capture change charge chat check choose classify clean clear clone close
    collapse combine command comment compare compile complete compose compress compute concatenate conduct configure
    confirm conjugate connect construct contact control convert copy correct count crawl create crop customize cut
    deactivate deal debug decode decompress decrease decrypt deduplicate define delete deploy deposit deregister
    design detect determine develop diagnose disable disconnect discuss dispatch display dispose distribute divide
    donate download draft draw drop dry duplicate edit email embed emit enable encode encrypt end enforce enhance
    enlarge enroll enter equip erase establish estimate evaluate examine exchange exclude execute expand explain
    export extend extract facilitate feed file fill filter fit flag flash flip follow forecast format forward fund
    fuse generate geocode grant group guess handle hash harvest help hide highlight hire identify implement import
    improve include increase index infer inflate inform initialize initiate input insert inspect install instruct
    integrate interpolate interpret invert invest invite irrigate issue join judge kick label launch learn lend like
    link listen localize locate lock log look maintain make manage map mark match maximize measure merge migrate
    minify minimize mint mix mock modify monitor mount move multiply mute name navigate negotiate normalize notify
    offer open operate optimize order organize parse pause pay perform pick pin ping plan play plot post predict
    prepare press prevent print prioritize process produce promote proofread prune publish purchase purify push
    raise randomize rank rate recognize recommend record recover recycle redeem redirect reduce refer refill refresh
    refund register reject release reload report remove rename render renew rent repair repeat replace replicate
    reply request reschedule reserve reset resize resolve respond restart restore restrict resume resubmit retweet
    review revise revoke rewrite roll rotate round route run sample sanitize save scale scan schedule score scrape
    search secure segment select sell send separate serve set share sharpen ship shorten shuffle sign simulate solve
    sort spawn specify spell spin split start stop store stream submit subscribe subtract suggest summarize supply
    suspend switch sync synchronize synthesize tag take teach tell terminate test toggle tokenize trace track trade
    train transcribe transfer transform translate transmit transpose trigger trim truncate turn tweet unblock
    unfollow unlock unmute unsubscribe update upgrade upload upscale use validate verify visit visualize vote wash
    watch withdraw wrap write zoom place program shut disseminate demolish heal escalate sniff exploit reboot
    notify mention authorise summarise optimise paginate translate indent dedent fill collapse truncate shorten warm
    cool cook plant transcode transpile
    """
    )
)
"""Base forms that may open a request."""

NOUNS_TOO = frozenset(
    word_list(
        """
    list count report record test query rank sample index score match offer answer name order rate store tweet email
    fund stream image map chart track cover share model label trade forecast file monitor view access plot display
    """
    )
)
"""Verbs that are nouns before `of`, `for`, `with`, `from`, `by` or at the end."""

IRREGULAR = {
    "analyses": "analyze",
    "does": "do",
    "has": "have",
    "gets": "get",
    "getting": "get",
    "return's": "return",
    "retrive": "retrieve",
    "retrives": "retrieve",
    "is": "be",
    "searchs": "search",
}

PROPER = frozenset(
    word_list(
        """
    youtube tiktok linkedin github gitlab paypal openai javascript facebook instagram twitter google amazon reddit
    spotify netflix bitcoin ethereum whatsapp telegram wikipedia imdb nasdaq yahoo bing ebay etsy walmart shopify
    apple microsoft nasa steam twitch discord pinterest airbnb zillow redfin trulia tripadvisor deezer shazam
    soundcloud genius billboard crossref english french german spanish italian chinese japanese arabic turkish
    indian american european asian african australian canadian british russian brazilian korean dutch swedish
    portuguese greek hindi quran bible india china japan germany france italy spain america europe asia africa
    canada brazil russia turkey australia london paris york monday tuesday wednesday thursday friday saturday sunday
    january february april june july august september october november december pokemon minecraft fortnite roblox
    bloomberg reuters christmas easter python java markdown unicode celsius fahrenheit euro iban interpol olympic
    premier nobel grammy oscar
    """
    )
)
"""Words that begin with a capital wherever they stand."""

SPELLING = {
    "youtube": "YouTube",
    "tiktok": "TikTok",
    "linkedin": "LinkedIn",
    "github": "GitHub",
    "paypal": "PayPal",
    "openai": "OpenAI",
    "javascript": "JavaScript",
    "whatsapp": "WhatsApp",
    "imdb": "IMDb",
    "ebay": "eBay",
    "airbnb": "Airbnb",
    "covid": "COVID",
    "tv": "TV",
    "urls": "URLs",
    "ids": "IDs",
    "apis": "APIs",
    "gifs": "GIFs",
    "nfts": "NFTs",
    "pdfs": "PDFs",
    "nodejs": "Node.js",
    "iphone": "iPhone",
    "icao": "ICAO",
    "soundcloud": "SoundCloud",
    "ios": "iOS",
    "tripadvisor": "TripAdvisor",
    "mac": "MAC",
    "wifi": "Wi-Fi",
}
"""Words with capitals inside, by their lower-case form."""

ACRONYMS = frozenset(
    "api url uri ip id isbn gps dna rna vat iban bic swift isin doi uuid sku html css json pdf csv xml rgb hsv hls cmyk ssl dns nba nfl "
    "nhl mlb wnba ncaa ufc mma nft gif usd eur gbp inr jpy btc eth qr ai ml bmi bmr cpu gpu sms faq seo cve rss http https utc gmt iata "
    "ssn ein zip ascii md5 sha sql nlp ocr mri ecg atm pin vin gdp cpi ipo etf roi ph uv aqi nasa fbi cia eu uk usa f1 mp3 mp4 svg png "
    "jpg jpeg vpn tls ssh ftp tcp udp cdn crm erp hr gst upc ean asin cas led lcd 3d 2d 4k hd dm cik pnr imei imsi lei otp jwt nlg "
    "guid whois icd hiv ivf tdee esg sdk".replace("whois ", "").split()
)
"""Words written in capitals."""

ABBREVIATIONS = {
    "lat": "latitude",
    "lon": "longitude",
    "lng": "longitude",
    "lang": "language",
    "num": "number",
    "no": "number",
    "qty": "quantity",
    "addr": "address",
    "desc": "description",
    "img": "image",
    "msg": "message",
    "src": "source",
    "dst": "destination",
    "dest": "destination",
    "pwd": "password",
    "cmd": "command",
    "min": "minimum",
    "max": "maximum",
    "avg": "average",
    "temp": "temperature",
    "info": "information",
    "infos": "information",
    "infomation": "information",
    "informations": "information",
    "dir": "directory",
    "cat": "category",
    "zipcode": "ZIP code",
    "postcode": "postal code",
    "postalcode": "postal code",
    "apikey": "API key",
    "useragent": "user agent",
    "firstname": "first name",
    "lastname": "last name",
    "fullname": "full name",
    "phonenumber": "phone number",
    "imdbid": "IMDb ID",
    "videoid": "video ID",
    "userid": "user ID",
    "productid": "product ID",
    "filename": "file name",
    "lat1": "first latitude",
    "lat2": "second latitude",
    "lon1": "first longitude",
    "lon2": "second longitude",
    "channelid": "channel ID",
    "playerid": "player ID",
    "projectid": "project ID",
    "postid": "post ID",
    "articleid": "article ID",
    "teamid": "team ID",
    "orderid": "order ID",
    "jobid": "job ID",
    "orderby": "sort order",
    "sortby": "sort order",
    "startdate": "start date",
    "enddate": "end date",
    "symb": "symbol",
    "acc": "account",
    "transactionid": "transaction ID",
    "leagueid": "league ID",
    "matchid": "match ID",
    "gameid": "game ID",
    "eventid": "event ID",
    "repo": "repository",
    "org": "organisation",
    "config": "configuration",
    "params": "parameters",
    "param": "parameter",
    "dob": "date of birth",
    "freq": "frequency",
    "vol": "volume",
    "loc": "location",
    "txt": "text",
    "pos": "position",
    "len": "length",
    "geo": "geographic",
    "ref": "reference",
    "doc": "document",
    "docs": "documents",
    "stats": "statistics",
    "pct": "percentage",
    "gametype": "game type",
    "perpage": "results per page",
    "countrycode": "country code",
    "currencycode": "currency code",
    "dayofweek": "day of the week",
    "auth": "authorisation",
    "kw": "keyword",
    "usr": "user",
    "acct": "account",
    "pic": "picture",
    "pics": "pictures",
    "pg": "page",
    "tx": "transaction",
    "txn": "transaction",
    "attr": "attribute",
    "calc": "calculate",
    "conv": "convert",
    "gen": "generate",
    "autocomplete": "suggestions",
}
"""Short forms in names, in full."""

SINGULAR_S = frozenset(
    word_list(
        """
    news status series analysis gas bus address basis business bias virus campus bonus class access process progress
    success glass loss mass mess pass press stress dress express lens chess tennis physics mathematics economics
    politics diagnosis hypothesis thesis synthesis emphasis crisis oasis axis genus species census focus corpus
    radius its this is was as us plus thus always perhaps across compass wireless address forex las los athletics
    alias canvas atlas gps dns aws ios sales premises corps tls
    """
    )
)
"""Words that end in s and are no plurals (or have no useful singular)."""

MASS = frozenset(
    word_list(
        """
    information data news weather media traffic metadata feedback content music help advice access support software
    hardware details statistics insurance equipment research money evidence anime statistics audio text html json
    history
    """
    )
)
"""Nouns that go without an article."""

FOREIGN = frozenset(
    word_list(
        """
    der die das und ein eine einer für mit von den ist wird zur zum auf bei nach les des une pour avec dans est sur
    qui par del los las para con una por desde como que els amb dei della di il lo per che ve bir için ile olarak
    dan yang untuk dari dengan daftar berdasarkan pada uma dos das não da do os obtener obtém retorna voor een het
    naar beantwortet endpunkt liste donne toutes ville
    """
    )
)
"""Function words of other languages, none of them English."""

_JUNK = re.compile(r"[^a-z]")


@lru_cache(maxsize=8192)
def base_form(word: str) -> str:
    """The base form of a verb in the base, third-person or -ing form; empty for other words."""
    word = word.lower().strip(".,:;")
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in VERBS:
        return word
    stems: list[str] = []
    if word.endswith("ies"):
        stems = [word[:-3] + "y"]
    elif word.endswith("s"):
        stems = [word[:-1], word[:-2] if word.endswith("es") else ""]
    elif word.endswith("ing") and len(word) > 5:
        stem = word[:-3]
        stems = [stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else ""]
    return next((stem for stem in stems if stem in VERBS), "")


def is_plural(word: str) -> bool:
    """Whether a noun looks plural."""
    word = word.lower()
    if word in {"people", "children", "media", "criteria", "men", "women"}:
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in SINGULAR_S


def singular(noun: str) -> str:
    """The singular of a phrase's last word, by the usual rules."""
    head, _, last = noun.rpartition(" ")
    if is_plural(last):
        special = {
            "people": "person",
            "children": "child",
            "movies": "movie",
            "cookies": "cookie",
            "media": "media",
            "criteria": "criterion",
        }
        low = last.lower()
        if low in special:
            last = special[low]
        elif low.endswith("ies"):
            last = last[:-3] + "y"
        elif low.endswith(("sses", "xes", "ches", "shes", "zzes")):
            last = last[:-2]
        else:
            last = last[:-1]
    return f"{head} {last}".strip()


def spelled(word: str) -> str:
    """A lower-case word with the capitals it needs: `api` -> `API`, `youtube` -> `YouTube`, `paris` -> `Paris`."""
    bare = word.lower()
    if bare in SPELLING:
        return SPELLING[bare]
    if bare in ACRONYMS:
        return bare.upper()
    if bare in PROPER:
        return bare.capitalize()
    return bare


_FUSED = re.compile(
    r"(site|web|page|image|img|file|font|brand|product|company|team|player|event|match|league|season|country|state|city|region|order|video|audio|channel|post|news|postal|phone|"
    r"card|account|store|item|job|task|service|currency|language|lang|start|end|birth|stock|coin|token|track|album|artist|series|sport|movie|book|author|category|question|doc|"
    r"document|tournament|agent|client|search|transaction|imdb|driver|race|article|project|group|game|custom|customer|message|invoice)(ids?|name|code|url|date|time|type|number|key|size|title|topic|query|text)"
)
"""Words written as one in a name."""


def split_identifier(identifier: str) -> list[str]:
    """The words of an identifier in lower case, short forms in full: `leagueIDs` -> `league`, `ids`."""
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", identifier))
    words: list[str] = []
    for raw in re.split(r"[^A-Za-z0-9]+", text):
        low = raw.lower()
        fused = _FUSED.fullmatch(low)
        if fused and low not in ABBREVIATIONS:
            words += [ABBREVIATIONS.get(fused.group(1), fused.group(1)), fused.group(2)]
        elif low in ABBREVIATIONS:
            words += ABBREVIATIONS[low].split()
        elif low:
            words.append(low)
    return [word.lower() for word in words]


def in_words(identifier: str) -> str:
    """An identifier in plain words with the capitals they need: `imdbId` -> `IMDb ID`."""
    return " ".join(spelled(word) for word in split_identifier(identifier))
