# `routerlab serve` in a container, and LiteLLM with this lab's classifier: docs/serve.md, "In a container".
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# The compiler stays in this stage; the base image decides which versions of it there are.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends cmake g++ gcc make
WORKDIR /build
COPY constraints.txt scripts/build_llama.py ./
# Not for this very CPU: an image is run elsewhere. On x86-64 this wants AVX2, as most since 2013 have.
RUN python -m venv /opt/routerlab \
 && CMAKE_ARGS=-DGGML_NATIVE=OFF /opt/routerlab/bin/python build_llama.py constraints.txt /tmp/llama.log
COPY . .
# bench: llama_cpp.server, by which compose.yaml has models to send prompts to.
RUN /opt/routerlab/bin/pip install --no-cache-dir -c constraints.txt '.[serve,bench]'

# LiteLLM's proxy and the lab cannot be in one environment (docs/litellm.md); the plugin needs little of it.
FROM ${PYTHON} AS litellm
WORKDIR /app
COPY . /build
RUN pip install --no-cache-dir 'litellm[proxy]==1.110.2' && pip install --no-cache-dir --no-deps /build \
 && useradd --uid 10001 --no-create-home --home-dir /tmp routerlab
ENV LITELLM_LOCAL_MODEL_COST_MAP=True
USER 10001:10001
EXPOSE 4000
ENTRYPOINT ["litellm"]
CMD ["--config", "/app/config.yaml", "--port", "4000", "--telemetry", "False"]

FROM ${PYTHON} AS serve
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/routerlab /opt/routerlab
# All that is written lies in /data, so that the rest may be read-only.
RUN useradd --uid 10001 --no-create-home --home-dir /data routerlab \
 && install -d -o 10001 -g 10001 /data /data/models /data/routers /data/sessions
ENV PATH=/opt/routerlab/bin:$PATH HOME=/data
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8088
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8088, timeout=4); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["routerlab"]
CMD ["serve", "--router", "smollm2-135m:probe", "--host", "0.0.0.0"]
