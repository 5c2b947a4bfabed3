"""How areas are called in front of people."""

from puente.knowledge import catalogs


def area_name(area_id: str) -> str:
    """The area's name as families and staff read it; the id itself for an area that was retired."""
    area = catalogs.areas().get(area_id)
    return area.name if area else area_id
