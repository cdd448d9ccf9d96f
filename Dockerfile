# Images: `platform` (code server, webserver, daemon, one-shot day), `viz` (the Streamlit app), and `scale` (the platform
# with workers).
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

# The packages of the locks, without the project: this layer stays when only the code changes.
FROM base AS packages
WORKDIR /app
RUN python -m venv --without-pip /venv
COPY requirements.lock ./
RUN pip --python /venv install --require-hashes --requirement requirements.lock

# What an image gets: without pip, what only installing needs, packages' own tests, and other parts that are never used.
FROM packages AS venv
COPY deploy/trim_packages.sh /
RUN /trim_packages.sh /venv

FROM packages AS venv-viz
COPY requirements-viz.lock ./
COPY deploy/trim_packages.sh /
RUN pip --python /venv install --require-hashes --requirement requirements-viz.lock \
    && /trim_packages.sh /venv

FROM packages AS venv-scale
COPY requirements-scale.lock ./
COPY deploy/trim_packages.sh /
RUN pip --python /venv install --require-hashes --requirement requirements-scale.lock \
    && /trim_packages.sh /venv

# The code as it lies in a checkout, on the path, with its metadata beside it and the command in bin/.
FROM packages AS project
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml ./
COPY sql sql
COPY data/country_continent.csv data/country_continent.csv
COPY data/sample data/sample
COPY tmdb_assets tmdb_assets
RUN rm requirements.lock \
    && /venv/bin/python -c "import hatchling.build as b; b.prepare_metadata_for_build_wheel('.')" \
    && mkdir -p bin data/dagster \
    && printf '#!/venv/bin/python\nfrom tmdb_assets.cli.main import main\n\nmain(prog_name="tmdb-assets")\n' >bin/tmdb-assets \
    && chmod +x bin/tmdb-assets \
    && ln -s ../../dagster.yaml data/dagster/dagster.yaml \
    && python -m compileall -q tmdb_assets

FROM base AS runtime
# Charts use the machine's fonts, and titles may be in any script, without serifs. psql and pg_dump are in the environment.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends fonts-dejavu-core fonts-noto-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/fonts/opentype/noto/NotoSerifCJK-* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp tmdb \
    && install --directory --owner tmdb --group tmdb /app/data/reports /app/data/export
WORKDIR /app
ENV PATH=/app/bin:/venv/bin:$PATH \
    PYTHONPATH=/app \
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

# The platform with Celery and Kubernetes: docker-compose.scale.yml, deploy/kubernetes.
FROM runtime AS scale
COPY --from=venv-scale /venv /venv
COPY --from=project /app /app
USER 10001:10001
CMD ["tmdb-assets", "run"]

FROM runtime AS platform
COPY --from=venv /venv /venv
COPY --from=project /app /app
USER 10001:10001
CMD ["tmdb-assets", "run"]
