"""The fixed texts that do not come from the dialogue engine, each with its source and date, in `data/knowledge`."""

from functools import cache
from typing import Any

import yaml

from puente.settings import ROOT

FILE = ROOT / "data" / "knowledge" / "textos.yml"


def get(name: str) -> str:
    """The text `name`. Raises KeyError when there is none."""
    return str(entries()[name]["texto"]).strip()


@cache
def entries() -> dict[str, dict[str, Any]]:
    """All texts with their `texto`, `fuente`, `fecha` and `aprobado_por`."""
    with FILE.open(encoding="utf-8") as file:
        return dict(yaml.safe_load(file))
