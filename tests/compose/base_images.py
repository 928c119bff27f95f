"""Local stand-ins for the base images that our files name, made from this machine's own parts.

Debian comes from debootstrap, the Rust toolchain and the crates from the cargo that runs here,
Envoy from the binary that `cargo xtask` installed. The names are read from the Dockerfile and
docker-compose.yml, so an image that is added there without a stand-in here is an error.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# The crates are part of the builder stand-in: with them `cargo build` needs no network.
VENDORED = """\
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "/usr/local/cargo/vendor"
[net]
offline = true
"""

# As the official image's: options alone mean Envoy, and root changes to `envoy` first.
ENVOY_ENTRY = """\
#!/bin/sh
set -e
case "$1" in -*) set -- envoy "$@" ;; esac
if [ "$(id -u)" = 0 ] && [ "$ENVOY_UID" != 0 ]; then
    exec setpriv --reuid envoy --regid envoy --clear-groups "$@"
fi
exec "$@"
"""

ENVOY_RECIPE = """\
RUN groupadd --system --gid 101 envoy && useradd --system --uid 101 --gid envoy envoy
COPY docker-entrypoint.sh /
COPY envoy /usr/local/bin/
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["envoy", "-c", "/etc/envoy/envoy.yaml"]
"""

RUST_HOMES = [
    "ENV RUSTUP_HOME=/usr/local/rustup",
    "ENV CARGO_HOME=/usr/local/cargo",
    "ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
]


class ImageError(Exception):
    """Why a base image cannot be made here."""


def docker(host: str, *args: str, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Runs the docker client against `host`; an error carries what the client said."""
    env = os.environ | {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}
    result = subprocess.run(
        ["docker", *args], env=env, capture_output=True, text=True, check=False, **options
    )
    if check and result.returncode != 0:
        raise ImageError(f"docker {' '.join(args)}:\n{result.stdout}{result.stderr}")
    return result


def wanted(root: Path) -> list[str]:
    """The base images that the Dockerfile and docker-compose.yml name, in order of need."""
    recipe = (root / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", recipe, re.M))
    names = re.findall(r"^FROM (\S+)", recipe, re.M)
    names += re.findall(r"^ +image: (\S+)$", (root / "docker-compose.yml").read_text(), re.M)
    order = {"debian": 0, "rust": 1, "envoyproxy/envoy": 2}
    bases = {name for name in names if name not in stages}
    unknown = [name for name in bases if name.partition(":")[0] not in order]
    if unknown:
        raise ImageError(f"no stand-in for {', '.join(sorted(unknown))}")
    return sorted(bases, key=lambda name: order[name.partition(":")[0]])


def provide(host: str, root: Path, store: Path) -> None:
    """Imports every wanted image that the engine does not have in its present form."""
    makers = {"debian": _debian, "rust": _rust, "envoyproxy/envoy": _envoy}
    store.mkdir(parents=True, exist_ok=True)
    for name in wanted(root):
        repository, _, tag = name.partition(":")
        with tempfile.TemporaryDirectory(prefix="image-", dir=store) as work:
            makers[repository](host, name, tag, root, Path(work))


def _has(host: str, name: str, form: str) -> bool:
    seen = docker(host, "image", "inspect", "-f", "{{json .Config.Labels}}", name, check=False)
    return seen.returncode == 0 and (json.loads(seen.stdout) or {}).get("ark.form") == form


def _say(name: str) -> None:
    print(f"making a local stand-in for {name}", flush=True)


def _run(*args: str, cwd: Path | None = None) -> str:
    result = subprocess.run(args, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ImageError(f"{' '.join(args)}:\n{(result.stdout + result.stderr)[-4000:]}")
    return result.stdout


def _import(host: str, name: str, tree: Path, form: str, changes: list[str]) -> None:
    options = [part for change in changes for part in ("--change", change)]
    pack = subprocess.Popen(
        ["tar", "-C", str(tree), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE
    )
    try:
        label = ("--change", f"LABEL ark.form={form}")
        docker(host, "import", *options, *label, "-", name, stdin=pack.stdout)
    finally:
        pack.stdout.close()
        packed = pack.wait()
    if packed != 0:
        raise ImageError(f"tar of {tree} ended with {packed}")


def _bootstrap(suite: str, tree: Path, packages: list[str]) -> None:
    include = [f"--include={','.join(packages)}"] if packages else []
    _run("debootstrap", "--variant=minbase", *include, suite, str(tree))
    for dispensable in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
        shutil.rmtree(tree / dispensable, ignore_errors=True)


def _debian(host: str, name: str, tag: str, _root: Path, work: Path) -> None:
    if _has(host, name, "1"):
        return
    _say(name)
    tree = work / "tree"
    _bootstrap(tag.removesuffix("-slim"), tree, [])
    _import(host, name, tree, "1", ['CMD ["bash"]'])


def _rust(host: str, name: str, tag: str, root: Path, work: Path) -> None:
    version, _, suite = tag.partition("-slim-")
    found = _run("rustc", "--version", cwd=root).split()[1]
    if not (found + ".").startswith(version + "."):
        raise ImageError(f"{name} is asked for, but the rustc of this machine is {found}")
    bare = f"ark-local/rust:{found}-{suite}"
    if not _has(host, bare, "1"):
        _say(bare)
        tree = work / "tree"
        _bootstrap(suite, tree, ["ca-certificates", "gcc", "libc6-dev"])
        _install_toolchain(found, root, tree)
        _import(host, bare, tree, "1", RUST_HOMES)
    form = hashlib.sha256((bare + VENDORED).encode() + (root / "Cargo.lock").read_bytes())
    if _has(host, name, form.hexdigest()):
        return
    _say(name)
    crates = work / "crates"
    _run("cargo", "vendor", "--locked", "--versioned-dirs", str(crates / "vendor"), cwd=root)
    (crates / "config.toml").write_text(VENDORED)
    _build(host, name, crates, form.hexdigest(), f"FROM {bare}\nCOPY . /usr/local/cargo/\n")


def _install_toolchain(version: str, root: Path, tree: Path) -> None:
    """Lays the toolchain that is active in `root` out as the official image does."""
    active = Path(_run("rustc", "--print", "sysroot", cwd=root).strip())
    triple = re.search(r"^host: (\S+)$", _run("rustc", "-vV", cwd=root), re.M).group(1)
    label = f"{version}-{triple}"
    rustup = tree / "usr/local/rustup"
    shutil.copytree(
        active,
        rustup / "toolchains" / label,
        symlinks=True,
        ignore=lambda folder, _: {"doc", "man"} if folder.endswith("/share") else set(),
    )
    (rustup / "settings.toml").write_text(
        f'version = "12"\nprofile = "minimal"\ndefault_toolchain = "{label}"\n[overrides]\n'
    )
    programs = tree / "usr/local/cargo/bin"
    programs.mkdir(parents=True)
    shutil.copy2(Path(shutil.which("rustup")).resolve(), programs / "rustup")
    for proxy in ("cargo", "rustc"):
        (programs / proxy).symlink_to("rustup")


def _envoy(host: str, name: str, tag: str, root: Path, work: Path) -> None:
    binary = _envoy_binary(root)
    version = tag.removeprefix("v")
    said = _run(str(binary), "--version")
    if f"/{version}/" not in said:
        raise ImageError(f"{name} is asked for, but {binary} says {said.strip()}")
    form = hashlib.sha256((ENVOY_ENTRY + ENVOY_RECIPE).encode() + binary.read_bytes()).hexdigest()
    if _has(host, name, form):
        return
    _say(name)
    shutil.copy2(binary, work / "envoy")
    entry = work / "docker-entrypoint.sh"
    entry.write_text(ENVOY_ENTRY)
    entry.chmod(0o755)
    debian = next(base for base in wanted(root) if base.startswith("debian:"))
    _build(host, name, work, form, f"FROM {debian}\n{ENVOY_RECIPE}")


def _envoy_binary(root: Path) -> Path:
    given = os.environ.get("ARK_ENVOY") or os.environ.get("ENVOY")
    installed = root.glob("target/ark/envoy/lib/python*/site-packages/envoy/_bin/envoy")
    candidates = [given] if given else [*installed, shutil.which("envoy") or ""]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return Path(candidate)
    raise ImageError("no Envoy: run `cargo xtask up` once, or set ARK_ENVOY to its binary")


def _build(host: str, name: str, context: Path, form: str, recipe: str) -> None:
    label = f"ark.form={form}"
    docker(host, "build", "-q", "--label", label, "-t", name, "-f-", str(context), input=recipe)
