# Two stages: the first has the tools to install, the second only what runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.lock requirements-dev.lock ./
RUN /venv/bin/pip install --quiet --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY adapters adapters
COPY config config
# hatchling, at its locked version and hashes, stays in this stage
RUN python -m venv /tools \
 && /tools/bin/pip install --quiet --require-hashes -r requirements-dev.lock \
 && /tools/bin/pip wheel --quiet --no-deps --no-build-isolation -w dist . \
 && /venv/bin/pip install --quiet --no-deps dist/*.whl \
 && /venv/bin/python -m compileall -q /venv/lib

FROM python:3.11-slim-bookworm
RUN install -d -o 65532 -g 65532 -m 0700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STORE_URL=tinydb:///data \
    LOG_FORMAT=json
WORKDIR /data
USER 65532:65532
VOLUME /data
# The root file system may be read-only: only /data and /tmp are written.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["daily-papers", "health"]
ENTRYPOINT ["daily-papers"]
CMD ["run"]
