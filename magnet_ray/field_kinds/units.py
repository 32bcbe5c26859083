"""A unit that fits what a field measures, by the words around it."""

from __future__ import annotations

from typing import Final

from magnet_ray.field_kinds import tokens_of


def unit_of(text: str) -> str:
    """A unit that fits what is measured."""
    words = set(tokens_of(text))
    return next((unit for keys, unit in _UNITS if words & keys), "units")


_UNITS: Final = (
    (frozenset({"temperature"}), "°C"), (frozenset({"velocity", "speed"}), "m/s"), (frozenset({"distance", "range", "altitude",
        "depth"}), "km"), (frozenset({"power", "generation"}), "kW"),
    (frozenset({"energy", "consumption", "electricity"}), "kWh"), (frozenset({"weight", "mass", "yield", "harvest"}), "kg"),
        (frozenset({"volume", "urine", "water", "fluid", "output", "intake"}), "mL"),
    (frozenset({"pressure"}), "hPa"), (frozenset({"length", "height", "width"}), "m"), (frozenset({"area"}), "square meters"),
        (frozenset({"time", "duration"}), "minutes"),
    (frozenset({"price", "cost", "amount", "budget"}), "USD"), (frozenset({"rate", "level", "percentage", "humidity"}), "percent"),
        (frozenset({"concentration", "density"}), "mg/L"),
)  # fmt: skip
