# Two images: `platform` (code server, webserver, daemon, one-shot day) and `viz` (the Streamlit app).
#
# The tag is pinned to a release. To pin the content too, write python:TAG@sha256:DIGEST with the digest that
# `docker buildx imagetools inspect python:TAG` shows.
ARG PYTHON_TAG=3.11.14-slim-bookworm

FROM python:${PYTHON_TAG} AS base
# Compiled during the build: the containers' file systems are read-only.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

# The virtual environment has no pip, and loses the packages that only installing the project needs.
FROM base AS venv
WORKDIR /app
RUN python -m venv --without-pip /venv
COPY requirements.lock ./
RUN pip --python /venv install --require-hashes --requirement requirements.lock
# The package reads sql/ and data/ next to itself, and its installation needs them too: the checkout's layout stays.
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml ./
COPY sql sql
COPY data/country_continent.csv data/country_continent.csv
COPY data/sample data/sample
COPY tmdb_assets tmdb_assets
RUN pip --python /venv install --no-deps --no-build-isolation --editable . \
    && pip --python /venv uninstall --yes hatchling editables trove-classifiers

FROM venv AS venv-viz
COPY requirements-viz.lock ./
RUN pip --python /venv install --require-hashes --requirement requirements-viz.lock \
    && pip --python /venv uninstall --yes hatchling editables trove-classifiers

FROM venv AS project
RUN rm requirements.lock \
    && mkdir -p data/dagster \
    && ln -s ../../dagster.yaml data/dagster/dagster.yaml \
    && python -m compileall -q tmdb_assets

FROM base AS runtime
# Charts use the machine's fonts, and titles may be in any script. psql and pg_dump are in the environment.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-dejavu-core fonts-noto-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp tmdb \
    && install --directory --owner tmdb --group tmdb /app/data/reports /app/data/export
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    HOME=/tmp \
    DAGSTER_HOME=/app/data/dagster
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tmdb-assets" \
      org.opencontainers.image.description="TMDb as a daily star schema in Postgres, run and watched through Dagster" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS viz
COPY --from=venv-viz /venv /venv
COPY --from=project /app /app
USER 10001:10001
CMD ["tmdb-assets", "viz", "--host", "0.0.0.0", "--port", "8501"]

FROM runtime AS platform
COPY --from=venv /venv /venv
COPY --from=project /app /app
USER 10001:10001
CMD ["tmdb-assets", "run"]
