# The program with models and page in it, and nothing else: docker build -t kaiga .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# SQLite is compiled from its source, which needs the C compiler this image has. crates/train (libtorch) is not built.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p kaiga-cli \
    && strip -o /kaiga target/release/kaiga \
    && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /kaiga /usr/local/bin/kaiga
COPY --from=build --chown=nonroot:nonroot /data /data
ENV KAIGA_LISTEN=0.0.0.0:8080 KAIGA_METRICS_LISTEN=0.0.0.0:9090 KAIGA_STORE=/data KAIGA_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080 9090
HEALTHCHECK --start-period=20s CMD ["/usr/local/bin/kaiga", "serve", "--check"]
ENTRYPOINT ["/usr/local/bin/kaiga", "serve"]
