"""The picture, voice note and document that a family can send. All were made for this simulator."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Sample:
    """A bundled file."""

    filename: str
    mime_type: str

    def read(self) -> bytes:
        return (FOLDER / self.filename).read_bytes()


SAMPLES = {
    "image": Sample("receta-de-ejemplo.jpg", "image/jpeg"),
    "audio": Sample("nota-de-voz.ogg", "audio/ogg; codecs=opus"),
    "document": Sample("resumen-de-ejemplo.pdf", "application/pdf"),
}
