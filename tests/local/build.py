"""Builds the five functions as `sam build` does, once for each state of the sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ("snapshot", "replicate", "prune", "verify", "restore")
# The local cloud runs the functions as processes, so they are built for this machine.
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

_SOURCES = (
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "requirements.txt",
    "template.yaml",
    ".cargo",
    "functions",
    "shared",
)


def build(root: Path = ROOT) -> Path:
    """Builds what is not built yet and returns the built template, ready for `sam deploy`.

    Raises subprocess.CalledProcessError when a build fails; its messages have been printed by then.
    """
    output = root / ".aws-sam" / f"build-{ARCHITECTURE}"
    output.parent.mkdir(exist_ok=True)
    # Stories may run in several processes: one builds, the others wait for it and find it done.
    with open(output.parent / "holdfast-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build_unless_built(root, output)


def _build_unless_built(root: Path, output: Path) -> Path:
    packed = output / "packed.yaml"
    stamp = output / "holdfast-sources"
    state = _state_of_sources(root)
    if packed.exists() and stamp.exists() and stamp.read_text() == state:
        return packed

    started = time.monotonic()
    print(f"building the functions for {ARCHITECTURE} (minutes at first, seconds later)", flush=True)
    environment = _environment()
    # sam shows nothing of cargo's progress. So cargo does the same work here first, in the open, with the very arguments
    # that sam uses; sam then finds everything built.
    for name in FUNCTIONS:
        _run(["cargo", "lambda", "build", "--release", *_target_flag(), "--bin", name], root / "functions" / name, environment)
    _run(
        [
            _beside_python("sam"),
            "build",
            "--template-file", str(root / "template.yaml"),
            "--build-dir", str(output),
            "--parameter-overrides", f"ParameterKey=Architecture,ParameterValue={ARCHITECTURE}",
        ],
        root,
        environment,
        quiet=True,
    )
    _pack(output / "template.yaml", packed)
    stamp.write_text(state)
    print(f"built in {time.monotonic() - started:.0f} s", flush=True)
    return packed


def _pack(built: Path, packed: Path) -> None:
    """Zips each function once, where `sam deploy` would do it again for each of the stories' deployments."""
    template = yaml.safe_load(built.read_text())
    for function in template["Resources"].values():
        if function["Type"] != "AWS::Serverless::Function":
            continue
        code = built.parent / function["Properties"]["CodeUri"]
        archive = code.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
            for file in sorted(code.rglob("*")):
                zipped.write(file, file.relative_to(code))
        function["Properties"]["CodeUri"] = archive.name
    packed.write_text(yaml.safe_dump(template, sort_keys=False))


def _target_flag() -> list[str]:
    # As sam asks for it: nothing on x86_64, a cross-build's flag on arm64, even where that is the host.
    return ["--arm64"] if ARCHITECTURE == "arm64" else []


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # cargo finds `cargo-lambda` on the path, and that finds zig as a module of the path's python3.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["SAM_CLI_TELEMETRY"] = "0"
    # `make deploy` optimises across crates. Here that would cost a minute for each of five functions after every change,
    # and no story depends on it.
    environment["CARGO_PROFILE_RELEASE_LTO"] = "off"
    environment["CARGO_PROFILE_RELEASE_CODEGEN_UNITS"] = "16"
    return environment


def _beside_python(tool: str) -> str:
    return str(Path(sys.executable).with_name(tool))


def _run(command: list[str], directory: Path, environment: dict[str, str], quiet: bool = False) -> None:
    if not quiet:
        subprocess.run(command, cwd=directory, env=environment, check=True)
        return
    done = subprocess.run(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        print(done.stdout, flush=True)
        done.check_returncode()


def _state_of_sources(root: Path) -> str:
    """A digest of every file that goes into the build."""
    digest = hashlib.sha256(ARCHITECTURE.encode())
    for entry in _SOURCES:
        path = root / entry
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.exists():
                digest.update(f"{file.relative_to(root)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    build()
