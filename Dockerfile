# The otelsiem gateway. Build: docker build -t otelsiem .   Run: docker run -p 4317:4317 -p 4318:4318 -v otelsiem:/var/lib/otelsiem otelsiem
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY otelsiem ./otelsiem
# A virtual environment is moved whole into the second stage: neither pip's cache nor the source stays in the image.
RUN python -m venv /opt/otelsiem && /opt/otelsiem/bin/pip install --no-cache-dir '.[all]'

FROM python:3.11-slim
COPY --from=build /opt/otelsiem /opt/otelsiem
COPY docker/otelsiem.yaml /etc/otelsiem/otelsiem.yaml
# The journal is the one thing that must outlive the container. A numeric user, so that Kubernetes can see it is not root.
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/otelsiem
ENV PATH=/opt/otelsiem/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OTELSIEM_CONFIG=/etc/otelsiem/otelsiem.yaml
USER 65532:65532
WORKDIR /var/lib/otelsiem
VOLUME /var/lib/otelsiem
# OTLP over gRPC, OTLP over HTTP, admin (health, metrics)
EXPOSE 4317 4318 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["otelsiem"]
CMD ["run"]
