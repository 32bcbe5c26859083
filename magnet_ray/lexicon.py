"""Words that stand for things in the world: people, places, companies, works, subjects.

Short lists of our own, shared by the drawn arguments (`values`) and the simulated outputs. Everything is a
tuple, so that drawing with a seeded `Random` gives the same word everywhere.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Place(NamedTuple):
    """A city with what belongs to it, so that one record never contradicts itself."""

    city: str
    """Name of the city."""
    country: str
    """Name of the country."""
    code: str
    """ISO 3166 alpha-2 code of the country."""
    region: str
    """State or region."""
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""
    timezone: str
    """IANA time zone."""
    postcode: str
    """A postal code of the city."""
    airport: str
    """IATA code of its main airport."""
    currency: str
    """ISO 4217 code."""
    language: str
    """Main language."""


PLACES: Final = (
    Place("Lisbon", "Portugal", "PT", "Lisbon District", 38.7223, -9.1393, "Europe/Lisbon", "1100-148", "LIS", "EUR", "Portuguese"),
    Place("Chicago", "United States", "US", "Illinois", 41.8781, -87.6298, "America/Chicago", "60614", "ORD", "USD", "English"),
    Place("Toronto", "Canada", "CA", "Ontario", 43.6532, -79.3832, "America/Toronto", "M5V 2T6", "YYZ", "CAD", "English"),
    Place("Berlin", "Germany", "DE", "Berlin", 52.52, 13.405, "Europe/Berlin", "10115", "BER", "EUR", "German"),
    Place("Kyoto", "Japan", "JP", "Kansai", 35.0116, 135.7681, "Asia/Tokyo", "600-8216", "KIX", "JPY", "Japanese"),
    Place("Nairobi", "Kenya", "KE", "Nairobi County", -1.2921, 36.8219, "Africa/Nairobi", "00100", "NBO", "KES", "Swahili"),
    Place("Melbourne", "Australia", "AU", "Victoria", -37.8136, 144.9631, "Australia/Melbourne", "3000", "MEL", "AUD", "English"),
    Place("Madrid", "Spain", "ES", "Community of Madrid", 40.4168, -3.7038, "Europe/Madrid", "28013", "MAD", "EUR", "Spanish"),
    Place("Seattle", "United States", "US", "Washington", 47.6062, -122.3321, "America/Los_Angeles", "98101", "SEA", "USD", "English"),
    Place("Mumbai", "India", "IN", "Maharashtra", 19.076, 72.8777, "Asia/Kolkata", "400001", "BOM", "INR", "Hindi"),
    Place("Dublin", "Ireland", "IE", "Leinster", 53.3498, -6.2603, "Europe/Dublin", "D02 X285", "DUB", "EUR", "English"),
    Place("Oslo", "Norway", "NO", "Oslo", 59.9139, 10.7522, "Europe/Oslo", "0150", "OSL", "NOK", "Norwegian"),
    Place("Denver", "United States", "US", "Colorado", 39.7392, -104.9903, "America/Denver", "80202", "DEN", "USD", "English"),
    Place("Vienna", "Austria", "AT", "Vienna", 48.2082, 16.3738, "Europe/Vienna", "1010", "VIE", "EUR", "German"),
    Place("Seoul", "South Korea", "KR", "Seoul", 37.5665, 126.978, "Asia/Seoul", "04524", "ICN", "KRW", "Korean"),
    Place("Austin", "United States", "US", "Texas", 30.2672, -97.7431, "America/Chicago", "78701", "AUS", "USD", "English"),
    Place("Lima", "Peru", "PE", "Lima Province", -12.0464, -77.0428, "America/Lima", "15001", "LIM", "PEN", "Spanish"),
    Place("Manchester", "United Kingdom", "GB", "England", 53.4808, -2.2426, "Europe/London", "M1 1AE", "MAN", "GBP", "English"),
    Place("Rome", "Italy", "IT", "Lazio", 41.9028, 12.4964, "Europe/Rome", "00184", "FCO", "EUR", "Italian"),
    Place("Montreal", "Canada", "CA", "Quebec", 45.5017, -73.5673, "America/Toronto", "H2X 1Y4", "YUL", "CAD", "French"),
    Place("Cape Town", "South Africa", "ZA", "Western Cape", -33.9249, 18.4241, "Africa/Johannesburg", "8001", "CPT", "ZAR", "English"),
    Place("Boston", "United States", "US", "Massachusetts", 42.3601, -71.0589, "America/New_York", "02108", "BOS", "USD", "English"),
    Place("Lyon", "France", "FR", "Auvergne-Rhône-Alpes", 45.764, 4.8357, "Europe/Paris", "69002", "LYS", "EUR", "French"),
    Place("Singapore", "Singapore", "SG", "Central Region", 1.3521, 103.8198, "Asia/Singapore", "048616", "SIN", "SGD", "English"),
    Place("Auckland", "New Zealand", "NZ", "Auckland", -36.8509, 174.7645, "Pacific/Auckland", "1010", "AKL", "NZD", "English"),
    Place("Amsterdam", "Netherlands", "NL", "North Holland", 52.3676, 4.9041, "Europe/Amsterdam", "1012", "AMS", "EUR", "Dutch"),
)

FIRST_NAMES: Final = (
    "Amara", "Jonas", "Priya", "Lucia", "Tom", "Mei", "Sara", "Omar", "Nina", "Diego", "Hannah", "Kwame", "Elena", "Marcus", "Aisha",
    "Felix", "Ingrid", "Rafael", "Chloe", "Tariq", "Maya", "Viktor", "Sofia", "Daniel", "Yuki", "Grace", "Leo", "Farah", "Ben", "Clara",
)  # fmt: skip
LAST_NAMES: Final = (
    "Osei", "Weber", "Nair", "Ferrari", "Becker", "Tanaka", "Lindqvist", "Haddad", "Kovacs", "Ramos", "Bauer", "Mensah", "Petrova",
    "Hughes", "Rahman", "Keller", "Dahl", "Moreno", "Laurent", "Aziz", "Shah", "Novak", "Costa", "Reed", "Mori", "Okafor", "Fischer",
    "Saleh", "Murphy", "Jensen",
)  # fmt: skip
MAIL_HOSTS: Final = ("fernmail.net", "harborpost.com", "brightinbox.org", "northmail.io", "letterbox.co")
DOMAINS: Final = ("harborlane.com", "brightfern.org", "northpeak.io", "copperleaf.net", "riverbend.co", "tidalworks.dev", "oakandpine.com")
STREETS: Final = ("Maple Street", "Harbor Road", "Station Avenue", "Elm Court", "Market Square", "Orchard Lane", "Mill Road",
    "Cedar Drive", "Bridge Street", "Park Terrace")  # fmt: skip
COMPANIES: Final = (
    "Northpeak Energy", "Harborline Logistics", "Brightfern Foods", "Copperleaf Software", "Tidal Works", "Oakridge Capital",
        "Lumen Health",
    "Riverbend Motors", "Silverbirch Media", "Granite Insurance", "Bluefield Textiles", "Atlas Robotics", "Meridian Travel", "Juniper Labs",
)  # fmt: skip
PRODUCTS: Final = (
    "wireless headphones", "espresso machine", "running shoes", "standing desk", "mountain bike", "rain jacket", "desk lamp", "phone case",
    "yoga mat", "cast-iron pan", "e-reader", "hiking backpack", "smart watch", "ceramic mug set", "electric kettle", "board game",
)  # fmt: skip
TOPICS: Final = (
    "renewable energy", "urban gardening", "electric cars", "remote work", "coral reefs", "home cooking", "space exploration",
    "small business loans", "online privacy", "marathon training", "ancient Rome", "street photography", "sleep habits", "public transport",
    "artificial intelligence", "coffee farming", "bird migration", "jazz history", "housing prices", "childhood nutrition",
)  # fmt: skip
WORDS: Final = ("harvest", "lantern", "resilient", "journey", "whisper", "gravity", "ocean", "curious", "meadow", "balance",
    "horizon", "gentle", "spark", "river")  # fmt: skip
SENTENCES: Final = (
    "The meeting has moved to Thursday afternoon.", "Thank you for helping with the garden last weekend.",
    "Our train leaves at nine, so let's meet at the station.", "The new menu is a big improvement over the old one.",
    "Please send me the final version before lunch.", "It rained all day, but the concert was wonderful.",
    "I really enjoyed the book you recommended.", "The delivery came two days early and in perfect shape.",
)  # fmt: skip
LANGUAGES: Final = ("English", "Spanish", "French", "German", "Italian", "Portuguese", "Japanese", "Korean", "Dutch", "Swedish",
    "Turkish", "Polish")  # fmt: skip
LANGUAGE_CODES: Final = ("en", "es", "fr", "de", "it", "pt", "ja", "ko", "nl", "sv")
CURRENCIES: Final = ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "SEK", "NZD", "SGD")
CRYPTO: Final = ("BTC", "ETH", "SOL", "ADA", "XRP", "DOT", "LTC", "DOGE")
CRYPTO_NAMES: Final = ("bitcoin", "ethereum", "solana", "cardano", "litecoin", "polkadot", "dogecoin")
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "GOOGL", "META", "NFLX", "INTC", "ORCL", "IBM", "ADBE", "DIS", "NKE")
STATES: Final = ("California", "Texas", "Oregon", "Colorado", "Illinois", "Georgia", "Vermont", "Michigan", "Arizona", "Ohio",
    "Virginia", "Minnesota")  # fmt: skip
STATE_CODES: Final = ("CA", "TX", "OR", "CO", "IL", "GA", "VT", "MI", "AZ", "OH", "VA", "MN")
CONTINENTS: Final = ("Europe", "Asia", "Africa", "South America", "North America", "Oceania")
SPORTS: Final = ("basketball", "tennis", "football", "swimming", "cricket", "rugby", "volleyball", "cycling", "handball", "hockey")
TEAMS: Final = ("Riverton Rovers", "Lakeside Hawks", "Harbor City Sharks", "Northgate United", "Granite Bears", "Oakdale Comets",
    "Southport Wolves", "Kingsbridge Athletic", "Summit Falcons", "Westfield Rangers")  # fmt: skip
LEAGUES: Final = ("Northern Premier League", "Coastal Cup", "Continental Championship", "City Super League", "Highland Trophy")
ARTISTS: Final = ("The Paper Lanterns", "Mara Quill", "Velvet Harbor", "Jonah Reyes", "Neon Orchard", "Ida Strand",
    "The Midnight Ferries", "Solène Marchand", "Copper Skies", "Tobi Adeyemi")  # fmt: skip
SONGS: Final = ("Salt on the Window", "Slow Morning Train", "Paper Moons", "Half the Way Home", "Neon Rain", "Lanterns over Lisbon",
    "Glass Harbor", "Southbound", "Quiet Thunder", "Last Bus to Winter")  # fmt: skip
TITLES: Final = ("The Quiet Harbor", "Seven Winters", "A Map of Small Rooms", "The Clockmaker's Daughter", "Northern Lights",
    "The Long Way Around", "Salt and Stone", "Letters from the Valley", "Beneath the Orchard", "The Last Cartographer")  # fmt: skip
GENRES: Final = ("drama", "comedy", "thriller", "science fiction", "documentary", "romance", "fantasy", "mystery", "adventure", "horror")
MUSIC_GENRES: Final = ("jazz", "indie rock", "soul", "electronic", "folk", "hip hop", "classical", "blues")
FOODS: Final = ("chicken curry", "lentil soup", "Greek salad", "mushroom risotto", "banana bread", "grilled salmon",
    "vegetable lasagne", "black bean tacos", "pumpkin soup", "apple crumble")  # fmt: skip
INGREDIENTS: Final = ("chicken", "chickpeas", "spinach", "tomatoes", "rice", "mushrooms", "garlic", "lemon", "potatoes", "feta")
CUISINES: Final = ("Italian", "Thai", "Mexican", "Indian", "Japanese", "French", "Lebanese", "Korean", "Greek", "Ethiopian")
ANIMALS: Final = ("red fox", "barn owl", "grey wolf", "sea otter", "snow leopard", "green turtle", "golden eagle", "brown bear",
    "honey bee", "humpback whale")  # fmt: skip
PLANTS: Final = ("tomato", "lavender", "maize", "olive", "sunflower", "wheat", "basil", "apple", "soybean", "potato")
COLORS: Final = ("blue", "green", "red", "yellow", "purple", "orange", "black", "white", "teal", "grey")
HEX_COLORS: Final = ("#1F77B4", "#2CA02C", "#D62728", "#FFB000", "#4B0082", "#008080", "#FF7F50")
MATERIALS: Final = ("steel", "oak", "concrete", "aluminium", "glass", "bamboo", "copper", "cotton", "granite", "brick")
DISEASES: Final = ("asthma", "type 2 diabetes", "influenza", "migraine", "hypertension", "measles", "arthritis", "bronchitis")
SYMPTOMS: Final = ("fever", "headache", "dry cough", "sore throat", "fatigue", "joint pain", "dizziness", "nausea")
MEDICINES: Final = ("ibuprofen", "amoxicillin", "metformin", "paracetamol", "cetirizine", "omeprazole", "salbutamol")
JOBS: Final = ("data analyst", "nurse", "electrician", "graphic designer", "project manager", "chef", "civil engineer", "teacher",
    "accountant", "software developer")  # fmt: skip
INDUSTRIES: Final = ("healthcare", "retail", "logistics", "education", "renewable energy", "tourism", "banking", "construction",
    "media", "agriculture")  # fmt: skip
DEPARTMENTS: Final = ("marketing", "finance", "customer support", "engineering", "human resources", "sales", "operations", "research")
SUBJECTS: Final = ("biology", "world history", "algebra", "chemistry", "economics", "geography", "music theory", "computer science",
    "statistics", "art history")  # fmt: skip
SKILLS: Final = ("public speaking", "spreadsheet modelling", "negotiation", "first aid", "project planning", "creative writing",
    "photo editing")  # fmt: skip
ACTIVITIES: Final = ("hiking", "swimming", "yoga", "cycling", "painting", "rock climbing", "cooking class", "bird watching",
    "running", "dancing")  # fmt: skip
EVENTS: Final = ("Harbor Jazz Night", "Spring Book Fair", "City Food Festival", "Riverside Marathon", "Winter Light Parade",
    "Startup Open Day", "Autumn Craft Market", "Open-Air Film Week")  # fmt: skip
VENUES: Final = ("Riverside Hall", "Old Mill Theatre", "Harbor Pavilion", "City Conference Centre", "Garden Stage", "Union Arena")
HOTELS: Final = ("Harbor View Hotel", "The Linden House", "Hotel Aurora", "Old Town Inn", "Meadow Park Hotel", "The Copper Kettle",
    "Riverside Suites", "Hotel Bellavista")  # fmt: skip
RESTAURANTS: Final = ("Blue Fig", "Golden Lantern", "The Olive Press", "Corner Pepper", "Saffron Table", "Wild Thistle",
    "Little Mango", "Juniper & Salt")  # fmt: skip
VEHICLES: Final = ("Toyota Corolla", "Volkswagen Golf", "Honda Civic", "Ford Focus", "Hyundai Kona", "Tesla Model 3", "Skoda Octavia",
    "Mazda 3")  # fmt: skip
CAR_MAKES: Final = ("Toyota", "Volkswagen", "Honda", "Ford", "Hyundai", "Skoda", "Mazda", "Volvo")
AIRLINES: Final = ("Lufthansa", "Delta Air Lines", "Emirates", "Qantas", "Iberia", "Singapore Airlines", "KLM")
GAMES: Final = ("chess", "Minecraft", "Stardew Valley", "Catan", "Rocket League", "Tetris", "Scrabble", "Portal 2")
PLATFORMS: Final = ("YouTube", "Instagram", "LinkedIn", "Facebook", "Reddit", "Pinterest", "TikTok")
PROJECTS: Final = ("Northern Lights", "Harbor Redesign", "Project Juniper", "Blue Atlas", "Greenway", "Spring Launch", "Data Bridge")
LIBRARIES: Final = ("Riverside Public Library", "Northgate Library", "Elm Court Library", "City Central Library")
SCHOOLS: Final = ("Northgate College", "Riverside University", "Elm Hill Academy", "Lakeside Institute of Technology")
ORGANISATIONS: Final = ("Green Rivers Trust", "Open Books Foundation", "Harbor Relief Fund", "Bright Start Initiative",
    "Clean Air Alliance")  # fmt: skip
HOSPITALS: Final = ("St. Brigid Hospital", "Lakeside Medical Center", "Northgate Clinic", "Harbor General Hospital")
DEVICES: Final = ("hallway thermostat", "kitchen sensor", "garage camera", "living room speaker", "office printer", "greenhouse pump")
DATASETS: Final = ("customer survey 2024", "monthly sales figures", "city air quality records", "patient intake records",
    "web traffic logs", "housing price table")  # fmt: skip
METHODS: Final = ("linear regression", "random sampling", "cluster analysis", "time series analysis", "decision trees", "thematic coding")
CHEMICALS: Final = ("sodium chloride", "ethanol", "acetic acid", "benzene", "ammonia", "calcium carbonate", "glucose", "sulfuric acid")
GASES: Final = ("carbon dioxide", "methane", "nitrogen dioxide", "ozone")
ARTWORKS: Final = ("oil painting", "watercolor", "bronze sculpture", "charcoal sketch", "linocut print")
STYLES: Final = ("minimalist", "modern", "Art Deco", "rustic", "industrial", "Scandinavian", "baroque")
AUDIENCES: Final = ("young adults", "first-time buyers", "parents of toddlers", "small business owners", "retirees", "university students")
PERIODS: Final = ("last month", "last quarter", "the past year", "last week", "the past six months")
SIZES: Final = ("small", "medium", "large")
LEVELS: Final = ("beginner", "intermediate", "advanced")
GRADES: Final = ("low", "medium", "high")
STATUSES: Final = ("active", "completed", "in progress", "scheduled")
GENDERS: Final = ("female", "male")
MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEASONS: Final = ("spring", "summer", "autumn", "winter")
ZODIAC: Final = ("aries", "taurus", "gemini", "cancer", "leo", "virgo", "libra", "scorpio", "sagittarius", "capricorn", "aquarius",
    "pisces")  # fmt: skip
WEATHER: Final = ("light rain", "clear sky", "partly cloudy", "overcast", "scattered showers", "sunny", "breezy and dry")
FILE_NAMES: Final = ("quarterly_report.pdf", "meeting_notes.txt", "budget_2025.xlsx", "team_photo.jpg", "slides_final.pptx",
    "interview.mp3")  # fmt: skip
UNITS: Final = ("kilograms", "meters", "liters", "hours", "miles")
NEWS: Final = (
    "City council approves new tram line", "Farmers report strong harvest after mild spring", "Museum opens wing for modern glass art",
    "Startup unveils battery that charges in ten minutes", "Volunteers restore wetland near the coast",
        "Local team reaches cup final after late goal",
    "Researchers map a forgotten trade route", "Library lends tools and bicycles from May",
)  # fmt: skip
TAGS: Final = ("travel", "design", "outdoors", "family", "music", "science", "fitness", "food")
SOFTWARE: Final = ("Notely", "TaskRiver", "PocketLedger", "Trailmark", "CloudDesk", "Mealcraft", "Budgetwise")
DATABASES: Final = ("inventory", "customer records", "orders archive", "staff directory", "sensor readings")
CATEGORIES: Final = ("electronics", "home and garden", "books", "toys", "sports", "beauty", "travel", "music", "health", "office supplies")
SOURCES: Final = ("Harbor Post", "Northgate Times", "The Daily Lantern", "Riverside Weekly", "Open Ledger", "City Courier")
AMENITIES: Final = ("pharmacy", "post office", "car park", "bakery", "public library", "cash machine")
HABITATS: Final = ("temperate forest", "coastal wetland", "dry grassland", "mountain slopes", "shallow sea")
CLIMATES: Final = ("temperate", "tropical", "arid", "Mediterranean", "continental")
JOKES: Final = (
    "My bicycle fell over. It was two-tired.", "I bought a quiet drum. It is hard to beat.",
    "The clock asked for a break. It needed time.", "My suitcase is sad: no trips, only baggage.",
    "The lamp had a bright idea and switched on.", "I met a wall today. We did not see eye to eye.",
)  # fmt: skip
QUOTES: Final = (
    "Small steps, taken daily, cross great distances.", "A good question is half of the answer.",
    "Patience is the art of hoping with open eyes.", "What you water will grow.", "The river does not hurry and still arrives.",
)  # fmt: skip
FACTS: Final = (
    "Sealed honey stays edible for centuries.", "Octopuses have three hearts.", "A day on Venus is longer than its year.",
    "Bananas are berries, but strawberries are not.", "Lightning is hotter than the sun's surface.",
)  # fmt: skip
RIDDLES: Final = ("Which planet has the most moons?", "Which metal is liquid at room temperature?", "How many strings does a violin have?",
    "Which river flows through Vienna?", "What is the largest ocean?")  # fmt: skip
REMARKS: Final = (
    "Exactly what I was looking for, thank you!", "Good value, but delivery took a week.", "Saw this today and had to share it.",
    "Works well so far; I would buy it again.", "Does anyone know when the next one is due?", "What a beautiful evening by the harbor.",
    "Nice idea, though the second half felt slow.",
)  # fmt: skip
LABELS: Final = ("Juniper", "Atlas", "Cedar", "Aurora", "Bluebird", "Summit", "Northgate", "Meridian")
DRINKS: Final = ("Ginger Fizz", "Blue Lagoon", "Mint Cooler", "Harbor Sour", "Berry Spritz", "Smoked Old Fashioned")
CHARACTERS: Final = ("Captain Wren", "Nova Hale", "Old Bartok", "Mirren of the Vale", "Dr. Quill", "Pip Larkin")
CELESTIAL: Final = ("Mars", "Venus", "Europa", "Sirius", "Vega", "Ceres", "Andromeda")
