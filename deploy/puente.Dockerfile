# web, worker, actions and migrate: the environment that remembers. Build from the root of the repository:
#   docker build -f deploy/puente.Dockerfile -t puente:TAG .
FROM python:3.11-slim AS packages
COPY requirements.lock .
# --no-deps: the lock file is complete, and every package is checked against its hash.
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

FROM python:3.11-slim
# What `puente run` sets for these processes (puente/supervisor.py); a test compares the two.
ENV RASA_TELEMETRY_ENABLED=false \
    RASA_TELEMETRY_DEBUG=false \
    SENTRY_DSN= \
    DO_NOT_TRACK=1 \
    HF_HUB_OFFLINE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    TRANSFORMERS_OFFLINE=1 \
    OTEL_SDK_DISABLED=true \
    OMP_NUM_THREADS=2 \
    OPENBLAS_NUM_THREADS=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    PATH=/opt/venv/bin:$PATH \
    PUENTE_HOME=/var/lib/puente
RUN useradd --system --uid 10001 --no-create-home puente && install -d -o puente /var/lib/puente
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY migrations migrations
COPY data data
COPY puente puente
COPY actions actions
# The file system is read-only when it runs.
RUN python -m compileall -q puente actions migrations
USER 10001
# Which of its processes it is, compose.yml and Kubernetes say.
