"""All models of workloads, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import SimulationError
from .lublin import Lublin
from .open_models import Bursty, LognormalModel, ParetoModel, Poisson
from .settings import Model
from .users import Backlogged, Lenders, Strategic

_ALL: Final[tuple[Model, ...]] = (
    Lublin(),
    Poisson(),
    Bursty(),
    ParetoModel(),
    LognormalModel(),
    Backlogged(),
    Strategic(),
    Lenders(),
)

MODELS: Final[Mapping[str, Model]] = {model.name: model for model in _ALL}
"""The models."""


def find_model(name: str) -> Model:
    """Return the model of that name.

    Raises:
        SimulationError: There is none.
    """
    model = MODELS.get(name)
    if model is None:
        raise SimulationError(f"there is no model {name[:40]}; choose one of {', '.join(MODELS)}.")
    return model
