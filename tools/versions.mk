# Versions of what is neither a Rust crate (Cargo.lock) nor a Python package (requirements.txt),
# nor the Rust toolchain (rust-toolchain.toml).
PIP_VERSION := 26.3
CARGO_DENY_VERSION := 0.20.2
