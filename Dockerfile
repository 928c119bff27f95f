# Every image of Ark, one stage each: `sidecar`, `providers` (the demo's) and `filter`.
# Written for the classic builder too, so no cache mounts: layers do that work. In order of how
# seldom they change: toolchain, manifests and dependencies, sources.

FROM rust:1.95-slim-bookworm AS toolchain
RUN rustup target add wasm32-wasip1
WORKDIR /src

# Dependencies alone, from the manifests and empty sources: this layer is rebuilt when a manifest
# or the lock file changes, not when Ark's code does.
FROM toolchain AS dependencies
COPY Cargo.toml Cargo.lock ./
COPY .cargo/config.toml .cargo/
COPY codec/Cargo.toml codec/
COPY dialect/Cargo.toml dialect/
COPY filter/Cargo.toml filter/
COPY gateway-core/Cargo.toml gateway-core/
COPY redact/Cargo.toml redact/
COPY link/Cargo.toml link/
COPY sidecar/Cargo.toml sidecar/
COPY tests/traffic/Cargo.toml tests/traffic/
COPY wiping/Cargo.toml wiping/
COPY wire/Cargo.toml wire/
COPY xtask/Cargo.toml xtask/
RUN set -eu; \
    for manifest in */Cargo.toml tests/traffic/Cargo.toml; do \
        crate="${manifest%/Cargo.toml}"; \
        mkdir -p "$crate/src"; \
        echo '//! Empty.' > "$crate/src/lib.rs"; \
        printf '//! Empty.\nfn main() {}\n' > "$crate/src/main.rs"; \
    done; \
    cargo build --locked --release -p ark-sidecar -p ark-traffic; \
    cargo rustc --locked --profile wasm --target wasm32-wasip1 -p ark-filter --lib --crate-type cdylib

# The two builds part here: a change of the filter does not rebuild the sidecar.
# Cargo judges by time of change, and a checkout may be older than the empty sources: hence `touch`.
FROM dependencies AS wasm-build
COPY codec codec
COPY gateway-core gateway-core
COPY link link
COPY wire wire
COPY dialect dialect
COPY wiping wiping
COPY filter filter
RUN find codec gateway-core link wire dialect wiping filter -name '*.rs' -exec touch {} + \
    && cargo rustc --locked --profile wasm --target wasm32-wasip1 -p ark-filter --lib --crate-type cdylib

FROM dependencies AS native-build
COPY codec codec
COPY gateway-core gateway-core
COPY link link
COPY wire wire
COPY dialect dialect
COPY redact redact
COPY wiping wiping
COPY sidecar sidecar
COPY tests/traffic tests/traffic
RUN find codec gateway-core link wire dialect redact wiping sidecar tests -name '*.rs' -exec touch {} + \
    && cargo build --locked --release -p ark-sidecar --bin ark -p ark-traffic --bin ark-traffic

# What the images run on. The numeric user lets an orchestrator see that it is not root.
FROM debian:bookworm-slim AS runtime
RUN groupadd --system --gid 10001 ark \
    && useradd --system --uid 10001 --gid ark --no-create-home --shell /usr/sbin/nologin ark
USER 10001:10001

# Puts the filter where Envoy can read it: the official Envoy image stays unchanged. A copy at every
# start, as Docker fills a volume from an image only once and would keep an old filter for ever;
# by rename, so that an Envoy that reads at this moment sees the old file or the new one.
FROM runtime AS filter
USER root
RUN install -d -o ark -g ark /usr/lib/ark/filter
USER 10001:10001
COPY --from=wasm-build /src/target/wasm32-wasip1/wasm/ark_filter.wasm /usr/share/ark/ark_filter.wasm
CMD ["sh", "-euc", "cp /usr/share/ark/ark_filter.wasm /usr/lib/ark/filter/.next && mv /usr/lib/ark/filter/.next /usr/lib/ark/filter/ark_filter.wasm"]

FROM runtime AS providers
COPY --from=native-build /src/target/release/ark-traffic /usr/bin/ark-traffic
ENTRYPOINT ["ark-traffic"]
CMD ["providers", "--demo"]

# Last, so that `docker build .` makes it.
# A volume that is made at /var/lib/ark gets its owner from here.
FROM runtime AS sidecar
USER root
RUN install -d -o ark -g ark -m 0700 /var/lib/ark
USER 10001:10001
COPY --from=native-build /src/target/release/ark /usr/bin/ark
ENTRYPOINT ["ark"]
CMD ["serve"]
