"""Message templates, as files in `data/templates`: the only thing that may be sent outside the 24-hour window."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from puente.settings import ROOT


@dataclass(frozen=True)
class Template:
    """One template as Meta knows it; `sample` holds an example for each {{n}} of the body."""

    name: str
    language: str
    category: str
    body: str
    sample: tuple[str, ...]

    def components(self) -> list[dict[str, Any]]:
        """What `POST /message_templates` takes."""
        return [{"type": "BODY", "text": self.body, "example": {"body_text": [list(self.sample)]}}]

    def message(self, *values: str) -> dict[str, Any]:
        """The body of a message that fills the template in. Raises ValueError for a wrong number of values."""
        if len(values) != len(self.sample):
            raise ValueError(f"template {self.name} takes {len(self.sample)} values, not {len(values)}")
        parameters = [{"type": "text", "text": value} for value in values]
        return {
            "type": "template",
            "template": {
                "name": self.name,
                "language": {"code": self.language},
                "components": [{"type": "body", "parameters": parameters}],
            },
        }

    def shown(self, *values: str) -> str:
        """What the addressee reads."""
        text = self.body
        for number, value in enumerate(values, 1):
            text = text.replace(f"{{{{{number}}}}}", value)
        return text


@cache
def all_templates() -> dict[str, Template]:
    """Every template, by name."""
    found = {}
    for path in sorted((ROOT / "data" / "templates").glob("*.yml")):
        entry = yaml.safe_load(path.read_text("utf-8"))
        template = Template(entry["name"], entry["language"], entry["category"], entry["body"], tuple(entry["sample"]))
        found[template.name] = template
    return found
