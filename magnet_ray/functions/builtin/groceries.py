# ruff: noqa: E501
"""An online grocer: aisles, several shopping baskets, recipes against a pantry, orders and delivery windows.

Baskets are kept after an order, as lists that a household orders from again and again. One that was just ordered stays as it is.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.errors import CallError
from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, moment, money, plural

# aisle -> product -> usual price
AISLES: dict[str, dict[str, float]] = {
    "fruit and vegetables": {
        "baby spinach": 2.4,
        "cherry tomatoes": 2.9,
        "bananas": 1.6,
        "avocados": 3.2,
        "red onions": 1.3,
        "lemons": 1.9,
        "sweet potatoes": 2.7,
        "chestnut mushrooms": 2.2,
    },
    "dairy": {
        "oat milk": 2.1,
        "whole milk": 1.5,
        "Greek yoghurt": 3.4,
        "mature cheddar": 4.6,
        "feta": 3.1,
        "free-range eggs": 3.8,
        "salted butter": 2.8,
    },
    "bakery": {"sourdough bread": 4.2, "bagels": 2.6, "flour tortillas": 2.3, "croissants": 3.5, "pitta bread": 1.4},
    "meat and fish": {"chicken thighs": 6.4, "salmon fillets": 9.2, "smoked tofu": 3.6, "lean beef mince": 5.9, "king prawns": 7.5},
    "cupboard": {
        "basmati rice": 3.3,
        "chickpeas": 1.1,
        "coconut milk": 1.8,
        "spaghetti": 1.7,
        "rolled oats": 1.9,
        "green pesto": 3.2,
        "red lentils": 2.0,
        "chopped tomatoes": 0.95,
    },
    "drinks": {"ground coffee": 6.8, "orange juice": 3.0, "sparkling water": 1.2, "ginger tea": 2.5},
}
# recipe -> (minutes, diet, ingredients)
RECIPES: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "chickpea curry": (35, "vegan", ("chickpeas", "coconut milk", "baby spinach", "basmati rice")),
    "lentil soup": (30, "vegan", ("red lentils", "red onions", "chopped tomatoes", "lemons")),
    "sweet potato bowls": (45, "vegan", ("sweet potatoes", "avocados", "red lentils", "lemons")),
    "mushroom spaghetti": (25, "vegetarian", ("spaghetti", "chestnut mushrooms", "salted butter", "baby spinach")),
    "shakshuka": (30, "vegetarian", ("free-range eggs", "chopped tomatoes", "red onions", "feta")),
    "tomato feta bake": (40, "vegetarian", ("cherry tomatoes", "feta", "green pesto", "pitta bread")),
    "chicken fajitas": (35, "anything", ("chicken thighs", "flour tortillas", "red onions", "avocados")),
    "salmon rice bowls": (25, "anything", ("salmon fillets", "basmati rice", "avocados", "lemons")),
    "prawn coconut noodles": (20, "anything", ("king prawns", "coconut milk", "spaghetti", "lemons")),
    "beef bolognese": (55, "anything", ("lean beef mince", "chopped tomatoes", "spaghetti", "red onions")),
}
BASKETS = ("weekly", "office", "birthday", "barbecue", "brunch", "camping", "family", "picnic")
# start of a two-hour delivery window -> usual fee
WINDOWS = {"08:00": 4.5, "10:00": 5.5, "12:00": 3.0, "14:00": 2.0, "16:00": 3.5, "18:00": 6.0, "20:00": 4.0}

Aisle = Literal["fruit and vegetables", "dairy", "bakery", "meat and fish", "cupboard", "drinks"]
Diet = Literal["vegan", "vegetarian"]


class ProductOffer(TypedDict):
    product: str
    price: float
    in_stock: int


class AisleProducts(TypedDict):
    aisle: str
    products: list[ProductOffer]


class BasketLine(TypedDict):
    product: str
    quantity: int
    price: float


class BasketContents(TypedDict):
    basket: str
    items: list[BasketLine]
    total: float


class BasketChange(TypedDict):
    basket: str
    product: str
    quantity: int
    total: float


class DeliveryWindow(TypedDict):
    window_start: str
    fee: float


class DeliveryWindows(TypedDict):
    date: str
    windows: list[DeliveryWindow]


class RecipeIdea(TypedDict):
    recipe: str
    ready_in_min: int
    cost_per_person: float


class RecipeIdeas(TypedDict):
    recipes: list[RecipeIdea]


class Ingredient(TypedDict):
    product: str
    price: float
    at_home: bool


class RecipeIngredients(TypedDict):
    recipe: str
    ingredients: list[Ingredient]
    cost_of_missing: float


class RecipeBasket(TypedDict):
    recipe: str
    basket: str
    added_products: list[str]
    total: float


class GroceryOrder(TypedDict):
    order_number: str
    basket: str
    date: str
    window_start: str
    total: float


class OpenOrder(TypedDict):
    order_number: str
    basket: str
    due_at: str
    total: float


class OpenOrders(TypedDict):
    orders: list[OpenOrder]


def _product(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(name for name, x in domain.state["products"].items() if x["stock"] >= 8) or sorted(domain.state["products"]))


def _basket(domain: Domain, rng: Random, chosen: Any) -> Any:
    filled = sorted(name for name, lines in domain.state["baskets"].items() if lines and name not in domain.state["ordered"])
    return rng.choice(filled or sorted(domain.state["baskets"]))


def _basket_product(domain: Domain, rng: Random, chosen: Any) -> Any:
    baskets = domain.state["baskets"]
    held = baskets.get(chosen.get("basket")) or [product for lines in baskets.values() for product in lines]
    return rng.choice(sorted(set(held)) or ["bananas"])


def _basket_with_product(domain: Domain, rng: Random, chosen: Any) -> Any:
    baskets = domain.state["baskets"].items()
    holding = sorted(name for name, lines in baskets if chosen.get("product") in lines and name not in domain.state["ordered"])
    return rng.choice(holding or sorted(domain.state["baskets"]))


def _recipe(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["recipes"]))


def _recipe_to_shop_for(domain: Domain, rng: Random, chosen: Any) -> Any:
    incomplete = sorted(
        name for name in domain.state["recipes"] if any(product not in domain.state["pantry"] for product in RECIPES[name][2])
    )
    return rng.choice(incomplete or sorted(domain.state["recipes"]))


def _diet(domain: Domain, rng: Random, chosen: Any) -> Any:
    minutes = chosen.get("max_minutes", 90)
    return rng.choice(
        sorted({RECIPES[name][1] for name in domain.state["recipes"] if RECIPES[name][0] <= minutes} - {"anything"}) or ["vegetarian"]
    )


def _max_minutes(domain: Domain, rng: Random, chosen: Any) -> Any:
    quickest = min(RECIPES[name][0] for name in domain.state["recipes"] if RECIPES[name][1] != "anything")
    return rng.choice([minutes for minutes in (20, 25, 30, 35, 40, 45, 60) if minutes >= quickest])


def _max_price(domain: Domain, rng: Random, chosen: Any) -> Any:
    cheapest = min((x["price"] for x in domain.state["products"].values() if x["aisle"] == chosen.get("aisle")), default=1)
    return rng.choice([limit for limit in (2, 3, 4, 5, 6, 8, 10) if limit >= cheapest])


def _order_number(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["orders"]))


def _delivery_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    windows, start = domain.state["windows"], chosen.get("window_start")
    return rng.choice(sorted(date for date, starts in windows.items() if (start is None and starts) or start in starts) or sorted(windows))


def _window_start(domain: Domain, rng: Random, chosen: Any) -> Any:
    order = domain.state["orders"].get(chosen.get("order_number"), {"date": "", "window_start": ""})
    own = order["window_start"] if order["date"] == chosen.get("date") else ""
    return rng.choice(sorted({*domain.state["windows"].get(chosen.get("date"), ())} - {own}) or sorted(WINDOWS))


Product = Annotated[str, Argument(description="Name of the product, as the shop lists it.", noun="product", pick=_product)]
Basket = Annotated[
    str, Argument(description="Name of the shopping basket, such as 'weekly'.", noun="basket", word="the {} basket", pick=_basket)
]
Recipe = Annotated[str, Argument(description="Name of the recipe.", noun="recipe", word="the {}", pick=_recipe)]
OrderNumber = Annotated[
    str,
    Argument(description="Number of the grocery order, such as GRO-48213.", noun="order", word="order {}", kind="code", pick=_order_number),
]
DeliveryDate = Annotated[
    str, Argument(description="Delivery date in ISO 8601 format (YYYY-MM-DD).", noun="delivery date", kind="date", pick=_delivery_date)
]
WindowStart = Annotated[
    str,
    Argument(
        description="Start of the two-hour delivery window in 24-hour format (HH:MM).",
        noun="delivery time",
        kind="time",
        pick=_window_start,
    ),
]


class Groceries(Domain):
    """Browse a grocer's aisles, fill baskets by product or by recipe, order them and move deliveries."""

    name: ClassVar[str] = "groceries"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "products": {},
            "baskets": {},
            "windows": {},
            "orders": {},
            "ordered": [],
        }
        for aisle, products in AISLES.items():
            for product, price in products.items():
                state["products"][product] = {
                    "aisle": aisle,
                    "price": round(price * rng.uniform(0.85, 1.2), 2),
                    "stock": rng.randint(9, 60),
                }
        diets = ("vegan", "vegetarian", "anything")
        state["recipes"] = [name for diet in diets for name in rng.sample([r for r, x in RECIPES.items() if x[1] == diet], 2)]
        state["pantry"] = rng.sample(
            ("green pesto", "basmati rice", "chickpeas", "red lentils", "spaghetti", "red onions", "lemons", "salted butter"), 4
        )
        for name in rng.sample(BASKETS, 3):
            state["baskets"][name] = {product: rng.randint(1, 4) for product in rng.sample(sorted(state["products"]), rng.randint(3, 5))}
        for ahead in range(1, 7):
            starts = sorted(rng.sample(sorted(WINDOWS), rng.randint(3, 5)))
            state["windows"][(today + timedelta(days=ahead)).isoformat()] = {
                start: WINDOWS[start] + rng.choice((0, 0.5, 1)) for start in starts
            }
        domain = cls(state)
        for _ in range(rng.randint(2, 3)):
            state["orders"][domain.issue("GRO")] = {
                "basket": rng.choice(sorted(state["baskets"])),
                "date": (today + timedelta(days=rng.randint(1, 5))).isoformat(),
                "window_start": rng.choice(sorted(WINDOWS)),
                "total": round(rng.uniform(24, 130), 2),
            }
        return state

    def _shelf(self, product: str) -> dict[str, Any]:
        require(product in self.state["products"], f"The shop does not sell {product!r}.")
        shelf: dict[str, Any] = self.state["products"][product]
        return shelf

    def _lines(self, basket: str) -> dict[str, int]:
        require(
            basket in self.state["baskets"], f"There is no basket called {basket!r}; the baskets are {', '.join(self.state['baskets'])}."
        )
        lines: dict[str, int] = self.state["baskets"][basket]
        return lines

    def _open_lines(self, basket: str) -> dict[str, int]:
        lines = self._lines(basket)
        require(basket not in self.state["ordered"], f"The {basket} basket has just been ordered and cannot be changed until it has come.")
        return lines

    def _total(self, basket: str) -> float:
        return round(sum(float(self._shelf(product)["price"]) * quantity for product, quantity in self._lines(basket).items()), 2)

    def _fee(self, date: str, window_start: str) -> float:
        windows = self.state["windows"].get(date)
        require(windows is not None, f"Nothing can be delivered on {date}; choose a day from tomorrow to six days ahead.")
        require(window_start in windows, f"The {window_start} window on {date} is not available.")
        return float(windows[window_start])

    def _ingredients(self, recipe: str) -> tuple[str, ...]:
        if recipe not in self.state["recipes"]:
            raise CallError(f"There is no recipe called {recipe!r}.")
        return RECIPES[recipe][2]

    @tool(
        asks=(
            "show me what's on sale in {aisle}[ for up to {max_price}]",
            "browse {aisle}[ for anything below {max_price}] and give me the prices",
            "look along the shelves[ of {aisle}][, nothing dearer than {max_price}]",
            "check which products from {aisle} are in stock[ at no more than {max_price}]",
            "list everything on offer[ in {aisle}][ at {max_price} or less]",
        ),
        questions=(
            "What is there in {aisle}[ for under {max_price}]?",
            "Which products does the shop carry in {aisle}[ at {max_price} or less]?",
            "I need something from {aisle}[ that isn't over {max_price}]; what have they got?",
            "Any ideas from {aisle}[ costing {max_price} at most]?",
        ),
        things=("product from {aisle}[ up to {max_price}]", "item in {aisle}[ below {max_price}]"),
        noun="product",
        deed="browse the aisles",
        tells=(
            lambda a, r: (
                f"In {r['aisle']} the shop has {listing([x['product'] + ' at ' + money(x['price']) for x in r['products']], limit=8)}."
            ),
            lambda a, r: (
                f"From {r['aisle']}, {plural(len(r['products']), 'product')} {'fits' if len(r['products']) == 1 else 'fit'}: {listing([x['product'] + ' (' + money(x['price']) + ', ' + str(x['in_stock']) + ' in stock)' for x in r['products']], limit=8)}."
            ),
            lambda a, r: (
                f"The cheapest in {r['aisle']} is {min(r['products'], key=lambda x: x['price'])['product']} for {money(min(x['price'] for x in r['products']))}."
                + (
                    f" The whole choice: {listing([x['product'] + ' (' + money(x['price']) + ')' for x in r['products']], limit=8)}."
                    if len(r["products"]) > 1
                    else " There's nothing else."
                )
            ),
        ),
    )
    def browse_aisle(
        self,
        aisle: Annotated[Aisle, Argument(description="Aisle of the shop.", noun="aisle", word="the {} aisle")],
        max_price: Annotated[
            float | None,
            Argument(description="Highest price in dollars.", noun="price limit", word="${}", low=0.5, high=50, pick=_max_price),
        ] = None,
    ) -> AisleProducts:
        """List the products of one aisle that are in stock, with price and stock, optionally up to a price."""
        found = [
            ProductOffer(product=name, price=x["price"], in_stock=x["stock"])
            for name, x in self.state["products"].items()
            if x["aisle"] == aisle and x["stock"] > 0 and (max_price is None or x["price"] <= max_price)
        ]
        require(found, f"Nothing in {aisle} fits.")
        return {"aisle": aisle, "products": found}

    @tool(
        asks=(
            "tell me what's in {basket} so far",
            "go through {basket} and add up the total",
            "show me everything I've put in {basket}",
            "check the total of {basket}",
            "read me the contents of {basket}",
        ),
        questions=(
            "What would I pay for {basket} at the moment, and what's in there?",
            "What have I put into {basket} already?",
            "Before I order, what's sitting in {basket}?",
            "I've lost track of {basket} — what's in there?",
        ),
        things=("item in {basket}", "product sitting in {basket}"),
        noun="item",
        deed="look into a basket",
        tells=(
            lambda a, r: (
                f"The {r['basket']} basket holds {listing([plural(x['quantity'], 'pack') + ' of ' + x['product'] for x in r['items']], limit=8)}, {money(r['total'])} in total."
            ),
            lambda a, r: (
                f"You have {plural(len(r['items']), 'product')} in the {r['basket']} basket: {listing([x['product'] + ' (' + str(x['quantity']) + ' at ' + money(x['price']) + ')' for x in r['items']], limit=8)}. That comes to {money(r['total'])}."
            ),
            lambda a, r: (
                f"So far the {r['basket']} basket adds up to {money(r['total'])} for {listing([x['product'] for x in r['items']], limit=8)}."
            ),
        ),
    )
    def view_basket(self, basket: Basket) -> BasketContents:
        """Show the products in a shopping basket with quantities, unit prices and the total."""
        items = [
            BasketLine(product=product, quantity=quantity, price=self._shelf(product)["price"])
            for product, quantity in self._lines(basket).items()
        ]
        require(items, f"The {basket} basket is empty.")
        return {"basket": basket, "items": items, "total": self._total(basket)}

    @tool(
        asks=(
            "see which delivery windows are left on {date}",
            "find out when the groceries could come on {date}",
            "check the delivery times and fees[ for {date}]",
            "look up the free slots for a grocery delivery[ on {date}]",
            "compare what delivery costs at different times on {date}",
        ),
        questions=(
            "When could they deliver on {date}, and for how much?",
            "Are there any delivery slots left for {date}?",
            "I'm home on {date}; which delivery windows are open?",
            "What would a delivery on {date} cost me?",
        ),
        things=("delivery window on {date}", "delivery slot for {date}"),
        noun="delivery window",
        deed="check delivery windows",
        tells=(
            lambda a, r: (
                f"On {day(r['date'])} you can have a delivery from {listing([clock(x['window_start']) + ' (' + money(x['fee']) + ')' for x in r['windows']], limit=8, conjunction='or')}."
            ),
            lambda a, r: (
                f"For {day(r['date'])} there {'is' if len(r['windows']) == 1 else 'are'} {plural(len(r['windows']), 'window')} left, starting at {listing([clock(x['window_start']) + ' for ' + money(x['fee']) for x in r['windows']], limit=8)}."
            ),
            lambda a, r: (
                f"The cheapest slot on {day(r['date'])} begins at {clock(min(r['windows'], key=lambda x: x['fee'])['window_start'])}. All that's open: "
                f"{listing([clock(x['window_start']) + ' at ' + money(x['fee']) for x in r['windows']], limit=8)}."
            ),
        ),
    )
    def list_delivery_windows(self, date: DeliveryDate) -> DeliveryWindows:
        """List the two-hour grocery delivery windows still available on a date, with their fees."""
        windows = self.state["windows"].get(date, {})
        require(windows, f"No delivery window is left on {date}.")
        return {"date": date, "windows": [DeliveryWindow(window_start=start, fee=fee) for start, fee in sorted(windows.items())]}

    @tool(
        asks=(
            "suggest something to cook[ that takes no more than {max_minutes}][ and is {diet}]",
            "give me a few[ {diet}] dinner ideas[ ready within {max_minutes}]",
            "pick out some[ {diet}] recipes[ that take {max_minutes} or less]",
            "find dishes I could make tonight[ in {max_minutes}][, all {diet}]",
            "come up with meals to cook[ within {max_minutes}][, all of them {diet}]",
        ),
        questions=(
            "What could we cook tonight[ in under {max_minutes}][ that's {diet}]?",
            "No idea what to make for dinner — any recipes[ that take {max_minutes} at most][, {diet} if possible]?",
            "Got any[ {diet}] dinner inspiration[ that takes {max_minutes} of cooking at most]?",
            "Everyone is hungry; what can be on the table[ within {max_minutes}][, keeping it {diet}]?",
        ),
        things=("dish to cook[ within {max_minutes}][ that is {diet}]", "recipe[ taking {max_minutes} at most][ that is {diet}]"),
        noun="recipe",
        deed="suggest recipes",
        tells=(
            lambda a, r: (
                f"How about {listing([x['recipe'] + ' (' + plural(x['ready_in_min'], 'minute') + ')' for x in r['recipes']], limit=6, conjunction='or')}?"
            ),
            lambda a, r: (
                f"I found {plural(len(r['recipes']), 'recipe')}: {listing([x['recipe'] + ' (about ' + money(x['cost_per_person']) + ' a person)' for x in r['recipes']], limit=6)}."
            ),
            lambda a, r: (
                f"You could make {r['recipes'][0]['recipe']}, which takes {plural(r['recipes'][0]['ready_in_min'], 'minute')} and costs {money(r['recipes'][0]['cost_per_person'])} a person."
                if len(r["recipes"]) == 1
                else f"Of {len(r['recipes'])} dishes the quickest is {min(r['recipes'], key=lambda x: x['ready_in_min'])['recipe']}, done in {plural(min(x['ready_in_min'] for x in r['recipes']), 'minute')}; the cheapest is {min(r['recipes'], key=lambda x: x['cost_per_person'])['recipe']} at {money(min(x['cost_per_person'] for x in r['recipes']))} a person."
            ),
        ),
    )
    def suggest_recipes(
        self,
        max_minutes: Annotated[
            int | None,
            Argument(
                description="Longest cooking time in minutes.",
                noun="cooking time",
                word="{} minute(s)",
                low=10,
                high=120,
                pick=_max_minutes,
            ),
        ] = None,
        diet: Annotated[Diet | None, Argument(description="Diet that the recipes must suit.", noun="diet", pick=_diet)] = None,
    ) -> RecipeIdeas:
        """Suggest recipes with cooking time and cost per person, optionally within a time and for a diet."""
        suitable = {"vegan": ("vegan",), "vegetarian": ("vegan", "vegetarian")}.get(diet or "", ("vegan", "vegetarian", "anything"))
        found = [
            RecipeIdea(
                recipe=name,
                ready_in_min=RECIPES[name][0],
                cost_per_person=round(sum(self._shelf(product)["price"] for product in RECIPES[name][2]) / 3, 2),
            )
            for name in self.state["recipes"]
            if RECIPES[name][1] in suitable and (max_minutes is None or RECIPES[name][0] <= max_minutes)
        ]
        require(found, "No recipe fits.")
        return {"recipes": found}

    @tool(
        asks=(
            "check what goes into {recipe} and what we still need",
            "compare the ingredients of {recipe} with our cupboards",
            "tell me which ingredients I'm missing for {recipe}",
            "work out what I'd have to buy to cook {recipe}",
            "see if we have everything for {recipe}",
        ),
        questions=(
            "Do we have all we need for {recipe}?",
            "What would I still have to get for {recipe}?",
            "Thinking of making {recipe} — which ingredients are missing at home?",
            "How much would the missing bits for {recipe} cost?",
        ),
        things=("ingredient of {recipe}", "ingredient that goes into {recipe}"),
        noun="ingredient",
        deed="check the ingredients of a recipe",
        tells=(
            lambda a, r: (
                f"For {r['recipe']} you need {listing([x['product'] for x in r['ingredients']], limit=8)}. "
                + (
                    f"Still to buy: {listing([x['product'] for x in r['ingredients'] if not x['at_home']], limit=8)}, together {money(r['cost_of_missing'])}."
                    if r["cost_of_missing"]
                    else "It's all in your pantry already."
                )
            ),
            lambda a, r: (
                (
                    f"You already have {listing([x['product'] for x in r['ingredients'] if x['at_home']], limit=8)} at home; "
                    if any(x["at_home"] for x in r["ingredients"])
                    else "Nothing is at home yet; "
                )
                + (
                    f"what's missing for {r['recipe']} costs {money(r['cost_of_missing'])}: {listing([x['product'] for x in r['ingredients'] if not x['at_home']], limit=8)}."
                    if r["cost_of_missing"]
                    else f"nothing is missing for {r['recipe']}."
                )
            ),
            lambda a, r: (
                f"{r['recipe'].capitalize()} takes {listing([x['product'] + (' (at home)' if x['at_home'] else ' (' + money(x['price']) + ')') for x in r['ingredients']], limit=8)}."
            ),
        ),
    )
    def check_recipe_ingredients(self, recipe: Recipe) -> RecipeIngredients:
        """List a recipe's ingredients, which of them are at home, and what the missing ones cost."""
        ingredients = [
            Ingredient(product=product, price=self._shelf(product)["price"], at_home=product in self.state["pantry"])
            for product in self._ingredients(recipe)
        ]
        cost = round(sum(x["price"] for x in ingredients if not x["at_home"]), 2)
        return {"recipe": recipe, "ingredients": ingredients, "cost_of_missing": cost}

    @tool(
        asks=(
            "go over the grocery orders that are on their way",
            "tell me which grocery deliveries I'm expecting",
            "look up my open orders with the grocer",
            "list the food deliveries I have coming",
            "check when my groceries arrive",
        ),
        questions=(
            "Which grocery orders have I placed?",
            "When are my groceries coming?",
            "Are any food deliveries due soon?",
            "I can't remember what I ordered from the grocer — what's due?",
        ),
        things=("grocery delivery I'm expecting", "grocery order of mine"),
        noun="order",
        deed="list grocery orders",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['orders']), 'order')} coming: {listing([x['order_number'] + ' on ' + moment(x['due_at']) + ' (' + money(x['total']) + ')' for x in r['orders']], limit=8)}."
            ),
            lambda a, r: " ".join(
                f"Order {x['order_number']} from the {x['basket']} basket is due on {moment(x['due_at'])} and costs {money(x['total'])}."
                for x in r["orders"]
            ),
            lambda a, r: (
                f"Next to arrive is {min(r['orders'], key=lambda x: x['due_at'])['order_number']}. On their way: "
                f"{listing(['the ' + x['basket'] + ' basket as ' + x['order_number'] + ' on ' + moment(x['due_at']) for x in r['orders']], limit=6)}, {money(round(sum(x['total'] for x in r['orders']), 2))} altogether."
                if len(r["orders"]) > 1
                else f"Only {r['orders'][0]['order_number']} is on its way, due on {moment(r['orders'][0]['due_at'])} for {money(r['orders'][0]['total'])}."
            ),
        ),
    )
    def list_grocery_orders(self) -> OpenOrders:
        """List the grocery orders still to be delivered, with the start of the delivery window and the total."""
        found = [
            OpenOrder(order_number=code, basket=x["basket"], due_at=f"{x['date']}T{x['window_start']}", total=x["total"])
            for code, x in sorted(self.state["orders"].items(), key=lambda item: (item[1]["date"], item[1]["window_start"]))
        ]
        require(found, "There are no open grocery orders.")
        return {"orders": found}

    @tool(
        asks=(
            "put {quantity} of {product} into {basket}",
            "add {product} to {basket}[, {quantity}]",
            "pop {quantity} of {product} into {basket}",
            "make room for {product} in {basket}[, {quantity} to be precise]",
            "stock {basket} with {product}[, {quantity}]",
        ),
        questions=(
            "We're out of {product}, so please put {quantity} in {basket}.",
            "I could do with {product}, {quantity} to be exact, in {basket}.",
            "There should be {quantity} of {product} in {basket} as well.",
            "Would you throw {product} into {basket}, say {quantity}?",
        ),
        noun="basket item",
        deed="add products to a basket",
        tells=(
            lambda a, r: (
                f"The {r['basket']} basket now has {plural(r['quantity'], 'pack')} of {r['product']} and comes to {money(r['total'])}."
            ),
            lambda a, r: (
                f"Added {plural(a['quantity'], 'pack')} of {r['product']}; there {'is' if r['quantity'] == 1 else 'are'} {r['quantity']} in the {r['basket']} basket now, which totals {money(r['total'])}."
            ),
            lambda a, r: (
                f"Done. With {plural(a['quantity'], 'pack')} of {r['product']} added, your {r['basket']} basket stands at {money(r['total'])}."
            ),
        ),
    )
    def add_to_basket(
        self,
        product: Product,
        quantity: Annotated[
            int,
            Argument(
                description="Number of packs, 1 to 12.",
                noun="number of packs",
                word="{} pack(s)",
                low=1,
                high=12,
                choices=(1, 2, 3, 4, 5, 6),
            ),
        ],
        basket: Basket,
    ) -> BasketChange:
        """Add a number of a product to a shopping basket and return the basket's new total."""
        shelf, lines = self._shelf(product), self._open_lines(basket)
        require(1 <= quantity <= 12, "Between 1 and 12 of a product can be added at a time.")
        require(lines.get(product, 0) + quantity <= shelf["stock"], f"Only {shelf['stock']} of {product} are in stock.")
        lines[product] = lines.get(product, 0) + quantity
        return BasketChange(basket=basket, product=product, quantity=lines[product], total=self._total(basket))

    @tool(
        asks=(
            "take {product} out of {basket}",
            "remove {product} from {basket}",
            "leave {product} out of {basket} after all",
            "strike {product} off {basket}",
            "put {product} back on the shelf, out of {basket}",
        ),
        questions=(
            "We still have plenty of {product}, so no need for any in {basket}.",
            "Nobody here wants {product} any more; please clear that from {basket}.",
            "Changed my mind about {product} in {basket} — none of that, please.",
            "On second thoughts, {basket} can do without {product}.",
        ),
        noun="basket item",
        deed="take products out of a basket",
        tells=(
            lambda a, r: f"I took {r['product']} out of the {r['basket']} basket, which now comes to {money(r['total'])}.",
            lambda a, r: f"No more {r['product']} in the {r['basket']} basket. The new total is {money(r['total'])}.",
            lambda a, r: f"Removed: {r['product']}. That leaves {money(r['total'])} in your {r['basket']} basket.",
        ),
    )
    def take_out_of_basket(
        self,
        product: Annotated[str, Argument(description="Name of the product, as the shop lists it.", noun="product", pick=_basket_product)],
        basket: Annotated[
            str,
            Argument(
                description="Name of the shopping basket, such as 'weekly'.", noun="basket", word="the {} basket", pick=_basket_with_product
            ),
        ],
    ) -> BasketChange:
        """Remove all of one product from a shopping basket and return the basket's new total."""
        lines = self._open_lines(basket)
        require(product in lines, f"There is no {product} in the {basket} basket.")
        del lines[product]
        return BasketChange(basket=basket, product=product, quantity=0, total=self._total(basket))

    @tool(
        asks=(
            "put the missing ingredients for {recipe} into {basket}[, enough for {people}]",
            "fill {basket} with what we need to cook {recipe}[ for {people}]",
            "shop for {recipe}[ for {people}] and use {basket}",
            "add everything I lack for {recipe} to {basket}[, cooking for {people}]",
            "plan {recipe}[ for {people}] and collect what's missing in {basket}",
        ),
        questions=(
            "I'm cooking {recipe}[ for {people}], so whatever is missing should go into {basket}.",
            "We'll have {recipe} this week[ with {people} at the table]; please put what's missing in {basket}.",
            "Can {basket} get all I still need for {recipe}[, with {people} eating]?",
            "Let's make {recipe}[ for {people}] and get the missing things through {basket}.",
        ),
        noun="shopping list",
        deed="shop for a recipe",
        tells=(
            lambda a, r: (
                f"For {r['recipe']} I added {listing(r['added_products'], limit=8)} to the {r['basket']} basket, which is now at {money(r['total'])}."
            ),
            lambda a, r: (
                f"The {r['basket']} basket has what was missing for {r['recipe']}: {listing(r['added_products'], limit=8)}. New total: {money(r['total'])}."
            ),
            lambda a, r: (
                f"Your {r['basket']} basket has grown by {plural(len(r['added_products']), 'ingredient')} for {r['recipe']}: {listing(r['added_products'], limit=8)}. It comes to {money(r['total'])}."
            ),
        ),
    )
    def shop_for_recipe(
        self,
        recipe: Annotated[str, Argument(description="Name of the recipe.", noun="recipe", word="the {}", pick=_recipe_to_shop_for)],
        basket: Basket,
        people: Annotated[
            int | None,
            Argument(
                description="Number of people to cook for; 3 when left out.",
                noun="number of people",
                word="{} people",
                low=2,
                high=10,
                choices=(2, 3, 4, 5, 6, 8),
            ),
        ] = None,
    ) -> RecipeBasket:
        """Add the ingredients of a recipe that are not at home to a basket, scaled to the number of people."""
        lines = self._open_lines(basket)
        packs = -(-(people or 3) // 3)
        missing = [product for product in self._ingredients(recipe) if product not in self.state["pantry"]]
        require(missing, f"Everything for {recipe} is already at home.")
        for product in missing:
            lines[product] = lines.get(product, 0) + packs
        return RecipeBasket(recipe=recipe, basket=basket, added_products=missing, total=self._total(basket))

    @tool(
        asks=(
            "order {basket} for delivery on {date} at {window_start}",
            "have {basket} delivered[ on {date}][, arriving from {window_start}]",
            "send {basket} out for delivery[ on {date}][ in the window from {window_start}]",
            "place the order for {basket}[, to be brought on {date}][, delivery from {window_start}]",
            "check out {basket} for {date}[ with delivery from {window_start}]",
        ),
        questions=(
            "Please let {basket} arrive on {date} from {window_start}.",
            "I'm done filling {basket}; the delivery should come on {date} at {window_start}.",
            "Ready to order {basket}, and {date} at {window_start} works for the delivery.",
            "Could everything in {basket} come on {date}, starting at {window_start}?",
        ),
        noun="grocery order",
        deed="order a basket",
        tells=(
            lambda a, r: (
                f"The {r['basket']} basket is ordered: {r['order_number']}, arriving on {day(r['date'])} from {clock(r['window_start'])}, {money(r['total'])} in total."
            ),
            lambda a, r: (
                f"Your order number is {r['order_number']}. Expect the groceries on {day(r['date'])} from {clock(r['window_start'])} on; the total is {money(r['total'])}."
            ),
            lambda a, r: (
                f"Ordered for {money(r['total'])}. Everything in the {r['basket']} basket comes on {day(r['date'])} after {clock(r['window_start'])} as order {r['order_number']}."
            ),
        ),
    )
    def order_basket(self, basket: Basket, date: DeliveryDate, window_start: WindowStart) -> GroceryOrder:
        """Order everything in a basket for delivery in one window; the basket is kept for next time, and as it is until it has come."""
        lines, fee = self._open_lines(basket), self._fee(date, window_start)
        require(lines, f"The {basket} basket is empty.")
        del self.state["windows"][date][window_start]
        total = round(self._total(basket) + fee, 2)
        code = self.issue("GRO")
        self.state["ordered"].append(basket)
        self.state["orders"][code] = {"basket": basket, "date": date, "window_start": window_start, "total": total}
        return GroceryOrder(order_number=code, basket=basket, date=date, window_start=window_start, total=total)

    @tool(
        asks=(
            "move {order_number} to {date} at {window_start}",
            "change the delivery of {order_number}[ to {date}][, from {window_start}]",
            "have {order_number} brought on {date} instead[, at {window_start}]",
            "push {order_number} to another delivery window[: {date}][, {window_start}]",
            "reschedule the groceries of {order_number}[ for {date}][ from {window_start}]",
        ),
        questions=(
            "Nobody will be home for {order_number}, so make it {date} from {window_start}.",
            "The delivery of {order_number} should come on {date} at {window_start} instead.",
            "Would {date} at {window_start} be possible for {order_number}?",
            "For {order_number} we'd rather be home on {date} from {window_start}.",
        ),
        noun="delivery",
        deed="move a grocery delivery",
        tells=(
            lambda a, r: f"Order {r['order_number']} now arrives on {day(r['date'])} from {clock(r['window_start'])}.",
            lambda a, r: (
                f"I've moved {r['order_number']} to {day(r['date'])}, starting at {clock(r['window_start'])}; the total stays at {money(r['total'])}."
            ),
            lambda a, r: f"New delivery window for {r['order_number']}: {day(r['date'])} from {clock(r['window_start'])}.",
        ),
    )
    def move_grocery_delivery(self, order_number: OrderNumber, date: DeliveryDate, window_start: WindowStart) -> GroceryOrder:
        """Move an open grocery order to another delivery window at no charge."""
        require(order_number in self.state["orders"], f"There is no open order {order_number!r}.")
        fee, x = self._fee(date, window_start), self.state["orders"][order_number]
        require((x["date"], x["window_start"]) != (date, window_start), f"Order {order_number} comes in that window already.")
        del self.state["windows"][date][window_start]
        if x["date"] in self.state["windows"]:
            self.state["windows"][x["date"]][x["window_start"]] = fee
        x["date"], x["window_start"] = date, window_start
        return GroceryOrder(order_number=order_number, basket=x["basket"], date=date, window_start=window_start, total=x["total"])
