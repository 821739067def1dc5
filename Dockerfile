# The program with models and page in it, and ffmpeg for videos: docker build -t kaiga .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# SQLite is compiled from its source, which needs the C compiler this image has. crates/train (libtorch) is not built.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p kaiga-cli \
    && strip -o /kaiga target/release/kaiga \
    && mkdir /data

FROM debian:bookworm-slim
# Debian's own, at the version of the day: what reads files of strangers shall have the latest repairs.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /kaiga /usr/local/bin/kaiga
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV KAIGA_LISTEN=0.0.0.0:8080 KAIGA_METRICS_LISTEN=0.0.0.0:9090 KAIGA_STORE=/data KAIGA_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080 9090
HEALTHCHECK --start-period=20s CMD ["/usr/local/bin/kaiga", "serve", "--check"]
ENTRYPOINT ["/usr/local/bin/kaiga", "serve"]
