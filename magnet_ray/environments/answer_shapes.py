# ruff: noqa: E501 — a row is kept whole, so that it can be read and searched
"""What services usually answer, as a table: words of a name or description -> fields of the output.

Fields are written `name`, `name:type` or `name=choice|choice`; `items[]: field field` is a list of records,
`items[]*kind` a list of texts. The first row whose pattern fits wins, so narrow rows stand before wide ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """One usual answer."""

    pattern: re.Pattern[str]
    """Words that promise it."""
    fields: str
    """Its fields."""
    echoes: bool = False
    """Whether it repeats a required argument."""
    writes: bool = False
    """Whether it is also what a function answers that creates or changes something."""


def _shape(pattern: str, fields: str, flags: str = "") -> Shape:
    return Shape(re.compile(rf"\b(?:{pattern})\b"), fields, "e" in flags, "w" in flags)


SHAPES: Final = (
    _shape(r"counts?$|number of|how many|totals?", "count:integer"),
    _shape(r"horoscopes?|zodiac|sun ?sign|sign prediction|tarot", "zodiac fortune_saying lucky_number:integer", "e"),
    _shape(r"(?:stock|company) (?:profile|info\w*|details|overview)", "company symbol industry country"),
    _shape(r"health|ping|heartbeat|hello|status check|server status|api status", "status=ok|healthy version"),
    _shape(r"server time|time now|current time", "moment timezone"),
    _shape(r"(?:c|java|perl|haskell|python|php|ruby|go|compiler|minecraft|game) versions?(?: list)?|list versions|versions", "versions[]*version"),
    _shape(r"time ?zones", "timezones[]*timezone"),
    _shape(r"(?:supported|available|list|all|get|of) (?:\w+ )?languages|languages(?: list)?$", "languages[]: language language_code"),
    _shape(r"(?:supported|available|list|all|get|of) (?:\w+ )?currencies|currencies(?: available| list)?$|forex symbols|foreign exchange currencies", "currencies[]: currency country"),
    _shape(r"crypto symbols|(?:list|all) (?:of )?(?:coins|cryptocurrencies)|available crypto", "coins[]: coin crypto price"),
    _shape(r"tickers?(?: list)?$|(?:available|all|list of) (?:stock )?(?:tickers|symbols)|symbols(?: list)?$", "tickers[]: symbol company"),
    _shape(r"exchange rates?|conversion rate|convert (?:\w+ )?currenc\w+|currency (?:converter|conversion|exchange)", "converted_amount:number rate", "e"),
    _shape(r"estimated ?price|approximate price", "estimated_amount:number currency", "e"),
    _shape(r"qr ?codes?|barcode", "image_url format=png|svg", "w"),
    _shape(r"screenshot|thumbnail|(?:random|get|generate|create|resize|crop|rotate|flip)(?: \w+){0,2} (?:images?|gifs?|photos?|pictures?|avatar|meme)|placeholder|chart image|capture", "image_url width:integer height:integer", "w"),
    _shape(r"(?:generate|create|convert|export|save)(?: \w+){0,3} (?:pdf|mp ?3|mp ?4|docx?|xlsx?|epub)|pdf|text to speech|tts|download(?:s|er| link| links| url)?|mp 3|mp3", "download_url file_name file_size:integer", "w"),
    _shape(r"captcha", "token image_url", "w"),
    _shape(r"otp|2fa|totp|secret|one time password", "token expires_at", "w"),
    _shape(r"balance(?! sheet)|credits?(?: left)?$|quota|wallet amount", "balance:number currency"),
    _shape(r"usage|limits?$|rate limit", "requests_used_count:integer requests_limit_count:integer reset_at"),
    _shape(r"jokes?|puns?", "jokes[]: id joke"),
    _shape(r"quotes?(?: of the day)?$|(?:random|famous|inspirational|motivational|daily|get)(?: \w+)? quotes?|proverbs?|mantras?|affirmations?", "quotes[]: id saying author"),
    _shape(r"facts?$|(?:random|fun) facts?", "facts[]: id fact"),
    _shape(r"trivia|quiz|riddles?", "questions[]: riddle difficulty=easy|medium|hard"),
    _shape(r"lyrics", "song artist duration"),
    _shape(r"tides?", "tides[]: time height_meters:number tide_type=high|low"),
    _shape(r"air quality|aqi|pollution", "aqi:integer category=good|moderate|unhealthy city"),
    _shape(r"sunrise|sunset|twilight", "sunrise sunset timezone"),
    _shape(r"forecast(?:s)?(?! bets)|hourly weather|daily weather|\d+ day weather", "forecast[]: date temperature conditions humidity"),
    _shape(r"weather|temperature|climate|snow|rain|wind(?:s| speed)?$", "temperature humidity wind_speed conditions", "e"),
    _shape(r"earthquakes?|disasters?|wildfires?", "events[]: id location magnitude:number date"),
    _shape(r"odds|bookmakers?|betting|bets?$|markets$", "matches[]: id home_team away_team home_odds:number away_odds:number"),
    _shape(r"predictions?|(?:betting|football|daily|vip|sure) (?:tips?|forecasts?)|btts|over \d|correct score", "predictions[]: home_team away_team prediction=home_win|draw|away_win confidence"),
    _shape(r"standings?|league table|leaderboard|rankings?|season table", "standings[]: rank:integer team points:integer"),
    _shape(r"fixtures?|upcoming (?:events|matches|games)|live (?:scores?|events|matches|games)|matches|games schedule|match schedule|scores?(?:board)?$|results? by date|head to head|h 2 h|h2h", "matches[]: id home_team away_team date"),
    _shape(r"line ?ups?|squads?|roster|players", "players[]: id name position team"),
    _shape(r"player (?:stats?|statistics|info|details)|athlete", "id name team goals:integer"),
    _shape(r"(?:game|match|season|team|all) (?:stats?|statistics)|box ?score|play by play", "team points:integer wins:integer losses:integer"),
    _shape(r"seasons", "seasons[]: id year:integer league"),
    _shape(r"incidents|substitutions", "incidents[]: player minute:integer incident_type=goal|yellow_card|substitution"),
    _shape(r"tournaments?|leagues?|competitions?", "leagues[]: id league country"),
    _shape(r"transactions?|payouts?|transfers?|payments?|withdrawals|deposits", "transactions[]: id amount:number currency date"),
    _shape(r"invoices?", "invoices[]: id company amount:number future_date"),
    _shape(r"(?:get|list|all|my|user|customer) orders|orders", "orders[]: id product price status"),
    _shape(r"order", "id product price status"),
    _shape(r"carts?|basket", "items[]: product price quantity:integer"),
    _shape(r"reviews?|ratings?(?! app)|testimonials", "reviews[]: id author remark rating"),
    _shape(r"comments?|replies|answers|conversation", "comments[]: id author remark likes:integer"),
    _shape(r"tweets?|statuses|timeline|posts?|threads?|feeds?$|stories|reels?|medias?|highlights", "posts[]: id author remark likes:integer created_at"),
    _shape(r"messages?|inbox|sms|emails$|chats?", "messages[]: id sender remark date"),
    _shape(r"followers?|followings?|friends|members|subscribers|users|contacts|likers|retweeters|customers|visitors|creators|influencers|profiles", "users[]: id username followers:integer country"),
    _shape(r"uuid to username|username to uuid|profile|account(?: info| information| details)?|whoami|user(?: info| information| details| data| settings)?(?: by \w+)?$|users? by|current user|get user", "id username followers:integer country"),
    _shape(r"hashtags?|tags|key ?words?|stop ?words|related words|synonyms|trends", "keywords[]: keyword search_volume:integer"),
    _shape(r"news|articles?|headlines?|press|magazine|blogs?|newsletters?", "articles[]: id news_headline news_source published_at"),
    _shape(r"whois|domain (?:info|age|lookup)|registration data", "domain registrar created_date expires_at", "e"),
    _shape(r"dns|ns lookup|nameservers?|propagation|mx records?", "records[]: record_type=A|MX|NS|TXT ip seconds:integer"),
    _shape(r"port scan\w*|ports", "ports[]: port_number:integer state=open|closed"),
    _shape(r"(?:domains?|domain names)(?: list)?$|backorders?|list domains|subdomains", "domains[]*domain"),
    _shape(r"geo ?ip|ip (?:lookup|location|info|address|geolocation|details)|by ip|your ip|my ip|visitor", "ip city country timezone"),
    _shape(r"ssl|certificates?|certs", "certificates[]: domain issuer_company expires_at"),
    _shape(r"directions?|routes?|routing|matrix|travel time|distance", "distance duration"),
    _shape(r"geocod\w+|places?|autocomplete (?:address|location)|(?<!email )address(?:es)?$|poi|nearby|establishment", "places[]: place_name address latitude longitude"),
    _shape(r"elevation|altitude", "elevation latitude longitude"),
    _shape(r"(?:flights?|departures?|departues|arrivals?)", "flights[]: flight airline departure_time arrival_time"),
    _shape(r"airports?", "airports[]: airport city country"),
    _shape(r"(?:train|bus|metro|tram|transit|subway|ferry|station)s?(?: \w+){0,2} (?:schedule|times?|departures?|info|information)|timetable|schedule", "departures[]: line_number:integer destination departure_time"),
    _shape(r"track(?:ing)?(?: \w+)?|shipment|parcel|delivery status", "tracking_status location updated_at"),
    _shape(r"stock (?:price|quote)|quotes?|last price|prices?(?: list)?$|ticker|liquidity", "price change currency", "e"),
    _shape(r"historical|history|time series|candles?|candlesticks?|ohlc\w*|chart(?: data)?|timeseries|ratio|nav|per day", "values[]: date value:number"),
    _shape(r"balance sheet|income statement|cash flow|earnings|financials?|fundamentals?|dividends?|statements?", "statements[]: date revenue net_income"),
    _shape(r"mortgage|loan|interest rate", "monthly_payment:number total_interest_amount:number"),
    _shape(r"bmi", "bmi category=normal|overweight"),
    _shape(r"translat\w+|transliterat\w+", "translated_text", "e"),
    _shape(r"sentiment|emotion", "sentiment confidence"),
    _shape(r"summari\w+|paraphras\w+|rewrite|grammar|spell ?check\w*|fancy text|generate text|complet\w+", "result_text"),
    _shape(r"hash(?:es)?|md5|sha\d*|encrypt\w*|encode\w*|base64", "hash", "e"),
    _shape(r"uuid|guid|nanoid", "uuid"),
    _shape(r"passwords?", "passwords[]*password"),
    _shape(r"random (?:number|integer)s?|dice|lottery|roll", "numbers[]: value:integer"),
    _shape(r"random (?:word|noun|verb|adjective)s?|dictionary|definitions?|rhymes?", "words[]*word"),
    _shape(r"baby names|name generator|random names?|first names|last names", "people[]: id full_name"),
    _shape(r"colou?rs?|palettes?", "colors[]: color hex_color"),
    _shape(r"emojis?|icons?|packs?|fonts?|templates?|themes?", "assets[]: id asset_name image_url"),
    _shape(r"verses?|chapters?|shlokas?|surahs?|ayahs?|bible|quran|gita", "verses[]: chapter_number:integer verse_number:integer saying"),
    _shape(r"scan results?|scan status|malware|phishing|xss|vulnerabilit\w+|threats?", "safe:boolean threats_count:integer scanned_at"),
    _shape(r"scan", "scan_id status=queued|running", "w"),
    _shape(r"webhooks?|callbacks?|subscriptions?$", "webhooks[]: id url status=active|paused"),
    _shape(r"(?:list|all|get) files?|files(?: list)?$|folders?|buckets?|shapes|layers|pages$", "files[]: file file_size:integer modified_at"),
    _shape(r"disc usage|disk usage|storage(?: info| status)?", "used_storage:integer total_storage:integer"),
    _shape(r"categories|genres|types$|sections|industries|departments", "categories[]*category"),
    _shape(r"ingredients?|cocktails?|drinks?|beers?|wines?|brewer\w+|whisk\w+", "drinks[]: id drink rating price"),
    _shape(r"recipes?|meals?|foods?|dishes", "recipes[]: id recipe cuisine calories"),
    _shape(r"nutrition\w*|calories|diets?|macros", "food calories protein_grams:integer", "e"),
    _shape(r"exercises?|workouts?|muscles?", "workouts[]: activity minutes:integer level"),
    _shape(r"characters?|heroes|champions|villains|pokemon|weapons?|skins?|quests?", "characters[]: id character level:integer"),
    _shape(r"modes$|options|settings|configuration", "settings[]: setting_name enabled:boolean"),
    _shape(r"covid|corona\w*|vaccin\w+|cases", "confirmed_cases:integer recovered_count:integer deaths:integer date"),
    _shape(r"holidays?|on this day", "holidays[]: event date country"),
    _shape(r"planets?|moons?|asteroids?|satellites?|astronomy|deep space", "objects[]: celestial_object distance_km:integer discovered_date"),
    _shape(r"emissions?|carbon|footprint|energy mix|electricity", "emissions_kg:number power percent_renewable:integer", "e"),
    _shape(r"listings?|properties|houses?|homes?|apartments?|rentals?|real estate|availability", "listings[]: id address price bedrooms:integer"),
    _shape(r"sponsorships?|partners?", "companies[]: id company website"),
    _shape(r"statistics|stats|analytics|metrics|insights|performance|report", "views:integer visitors:integer change"),
    _shape(r"gs ?1|parse\w*|extract\w*|ocr|decod\w+|detect\w*|recogni\w+|classif\w+|analy\w+", "label_category confidence", "e"),
)  # fmt: skip
"""Usual answers, narrow ones first."""

ATTRIBUTES: Final = {
    "product": "price rating in_stock", "team": "city league founded", "league": "country season", "work": "author year rating",
        "song": "artist duration_seconds", "artist": "genre country followers",
    "hotel": "city rating price", "restaurant": "city cuisine rating", "company": "industry country employees_count",
        "person": "email city", "event": "date venue", "venue": "city capacity",
    "vehicle": "make year price", "news": "published_at url", "coin": "symbol price change", "food": "calories servings",
        "game": "genre rating", "animal": "habitat_region weight",
    "city": "country population timezone", "country": "country_code currency population", "project": "status created_at",
        "hospital": "city phone", "school": "city students_count",
    "job": "company city salary", "software": "version rating", "airline": "country iata_code", "organisation": "country website",
        "make": "country", "medicine": "dosage price", "sport": "players_count", "drink": "rating price", "character": "level_number",
    "activity": "minutes level", "platform": "users_count url", "device": "status", "chemical": "density",
}  # fmt: skip
"""Kind of thing -> what a record of it usually shows besides its name."""
