"""`python -m simulator`: listens on 127.0.0.1:SIMULATOR_PORT and writes to Puente on PUENTE_PORT."""

import os
import sys

import uvicorn

from puente import log
from puente import settings as configuration
from simulator.app import create_app


def main() -> None:
    """Run until interrupted. SIMULATOR_SEED makes the faults repeatable."""
    try:
        settings = configuration.load()
    except configuration.SettingsError as problem:
        sys.exit(f"simulator: {problem}")
    log.configure(log_format=settings.puente_log_format)
    seed = os.environ.get("SIMULATOR_SEED", "")
    app = create_app(settings, seed=int(seed) if seed.isdigit() else None)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=settings.simulator_port,
        http="h11",  # `simulator.app` cuts its connections
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
