# syntax=docker/dockerfile:1.10
# Not the slim one, which has no make, and jemalloc is built with it.
FROM rust:1.95.0-bookworm AS build
# The image's own toolchain is the pinned one; this keeps rustup from fetching the linters that go with it.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# The caches keep an unchanged dependency from being compiled again; the program is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked -p warehouse-sink \
    && install -D -s target/dist/warehouse-sink /out/warehouse-sink

# glibc, the C runtime and the certificate authorities; no shell, no package manager. Runs as user 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/warehouse-sink /usr/local/bin/warehouse-sink
USER 65532:65532
EXPOSE 9090
# There is no HEALTHCHECK, since there is nothing in this image to ask with: let the orchestrator ask /health and /ready
# on port 9090. SIGTERM, Docker's default, is the signal for a graceful stop.
ENTRYPOINT ["/usr/local/bin/warehouse-sink"]
CMD ["run", "--config", "/etc/warehouse-sink/sink.toml"]
