"""Downloads one wheel with the user's package installer and its configuration; none of the wheel's code runs."""

import contextlib
import errno
import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from litz.errors import DownloadError, MissingDependencyError
from litz.hub.network_errors import failure_in_words, format_seconds, host_of
from litz.hub.progress import Progress

if TYPE_CHECKING:
    from subprocess import Popen

STARTUP = 20.0  # seconds that an installer may take to load before it uses the network
GRACE = 1.5  # seconds that the network has at least, however long the installer took to load
FIRST_BYTE = 15.0  # seconds from the index's response to the wheel: some mirrors download it first
SOMETHING = 1 << 16  # bytes on the disk, more than the installer's own files take
STALL = 120.0  # seconds without a new byte, once bytes have arrived

# What pip says with -vv. A link in a local folder does not show that the index responds.
_ASKS = re.compile(r"Getting page|Starting new HTTP|Looking in (indexes|links)")
_ANSWERED = re.compile(r'"(GET|HEAD) |Fetched page|Downloading|Using cached|Processing|Saved')
_SIZE = re.compile(r"Downloading .*\((\d+(?:\.\d+)?) ?(kB|MB|GB)\)")


@dataclass(frozen=True)
class Installer:
    """A program that can fetch a wheel: pip leaves the wheel itself, uv its unpacked files."""

    command: tuple[str, ...]
    kind: Literal["pip", "uv"]


def find_installer() -> Installer:
    """pip of this environment, else uv if it made the environment, else Python's bundled pip, else what is on PATH."""
    import importlib.util
    import shutil

    if importlib.util.find_spec("pip") is not None:
        return Installer((sys.executable, "-P", "-m", "pip"), "pip")
    uv = shutil.which("uv")
    if uv is not None and _made_by_uv():
        return Installer((uv,), "uv")
    bundled = bundled_pip()
    if bundled is not None:
        return Installer((sys.executable, str(bundled / "pip")), "pip")
    for name in ("pip", "pip3"):
        path = shutil.which(name)
        if path is not None:
            return Installer((path,), "pip")
    if uv is not None:
        return Installer((uv,), "uv")
    raise MissingDependencyError("fetching from a package index needs pip or uv, and neither is here: install pip")


def bundled_pip() -> Path | None:
    """The pip wheel inside the standard library's ensurepip, or where distributions put it."""
    folders = [Path("/usr/share/python-wheels")]
    try:
        import ensurepip

        folders.insert(0, Path(ensurepip.__file__).parent / "_bundled")
    except ImportError:  # some distributions leave it out
        pass
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    return wheels[0] if wheels else None


def _made_by_uv() -> bool:
    """Then the index that its user has configured is uv's."""
    try:
        return re.search(r"^uv\s*=", Path(sys.prefix, "pyvenv.cfg").read_text("utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def fetch_wheel(requirement: str, folder: Path, *, timeout: float, label: str) -> Path:
    """Download `requirement` (NAME==VERSION) into `folder`: the wheel, or the folder of its files.

    DownloadError when the index has not responded after `timeout` seconds, or fails; then discard `folder`.
    """
    installer = find_installer()
    target = folder / "wheel"
    target.mkdir()
    quick = ["--retries", "1", "--timeout", "15"] if timeout < 10 else []
    if installer.kind == "pip":
        options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
        command = [*installer.command, "download", "-vv", "--progress-bar", "off", *quick, *options]
        command += ["--dest", str(target), requirement]
    else:
        options = ["--no-deps", "--only-binary", ":all:", "--no-cache", "--link-mode", "copy", "--no-progress"]
        command = [*installer.command, "pip", "install", *options, "--python", sys.executable]
        command += ["--target", str(target), requirement]
    _watch(command, folder, timeout=timeout, label=label, silent=installer.kind == "uv")
    if installer.kind == "uv":
        return target
    wheels = list(target.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadError(f"{requirement}: pip left {len(wheels)} wheels, expected one")
    return wheels[0]


def _watch(command: list[str], folder: Path, *, timeout: float, label: str, silent: bool) -> None:
    import subprocess
    from threading import Thread

    lines: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=installer_environment(os.environ, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=os.name == "posix",
    )
    reader = Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    progress = Progress(label)
    started = time.monotonic()
    try:
        reason = _wait(process, lines, folder, timeout=timeout, progress=progress, silent=silent)
        if reason is None and process.returncode == 0:
            progress.finish()
    finally:
        progress.close()
        _stop(process)
        reader.join(timeout=1)
        if process.stdout is not None:
            process.stdout.close()
    if reason is None and process.returncode:
        _raise_of_disk(lines)
        reason = _last_error(lines, spent=time.monotonic() - started).replace(str(folder), str(folder.parent.parent))
    if reason is not None:
        raise DownloadError(f"{command[-1]}: {reason}")


def _collect(process: "Popen[str]", lines: list[str]) -> None:
    if process.stdout is not None:
        lines.extend(iter(process.stdout.readline, ""))


def _wait(
    process: "Popen[str]", lines: list[str], folder: Path, *, timeout: float, progress: Progress, silent: bool
) -> str | None:
    """None when the process has ended; else why it must be stopped: no answer, or no new bytes."""
    started = moved = time.monotonic()
    requested = started if silent else 0.0  # uv prints nothing while it runs
    answered, seen, done = False, 0, 0
    while process.poll() is None:
        time.sleep(0.05)
        now = time.monotonic()
        fresh, seen = lines[seen:], len(lines)
        for line in fresh:
            requested = requested or (now if _ASKS.search(line) else 0.0)
            answered = answered or _ANSWERED.search(line) is not None
            progress.total = _announced(line) or progress.total
        bytes_now = _bytes_under(folder, all_files=silent)
        if fresh or bytes_now != done:
            moved, done = now, bytes_now
        answered = answered or done > SOMETHING
        progress.update(done)
        if not answered and now > _deadline(started, requested, timeout):
            return f"the package index did not answer within {format_seconds(timeout)}"
        limit = STALL if done else max(FIRST_BYTE, timeout)
        if answered and now - moved > limit:
            return f"the download stood still for {format_seconds(limit)}"
    return None


def _deadline(started: float, requested: float, timeout: float) -> float:
    """`timeout` counts from the start, but the network has at least GRACE seconds after a slow start."""
    return max(started + timeout, requested + GRACE if requested else started + STARTUP)


def _announced(line: str) -> int | None:
    """The size in `Downloading NAME.whl (92.9 MB)`; metadata files are announced the same way, and are small."""
    match = _SIZE.search(line)
    if match is None or ".metadata" in line:
        return None
    return int(float(match[1]) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[match[2]])


def _bytes_under(folder: Path, *, all_files: bool) -> int:
    """What has been downloaded: pip writes the wheel (and unpacks certificates beside it), uv whatever is inside.

    At its end pip copies the wheel: files of one name count once.
    """
    sizes: dict[str, int] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            if all_files or name.endswith(".whl"):
                path = os.path.join(root, name)
                key = name if name.endswith(".whl") else path
                with contextlib.suppress(OSError):  # moved meanwhile
                    sizes[key] = max(sizes.get(key, 0), os.lstat(path).st_size)
    return sum(sizes.values())


def _stop(process: "Popen[str]") -> None:
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _raise_of_disk(lines: list[str]) -> None:
    """OSError if the installer reports a full or read-only disk."""
    found = re.search(r"\[Errno (\d+)\]", "".join(line for line in lines if "OSError" in line or "os error" in line))
    full = "No space left on device" in "".join(lines)
    number = errno.ENOSPC if full else int(found[1]) if found else 0
    if number in (errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)):
        raise OSError(number, os.strerror(number))


def _last_error(lines: list[str], *, spent: float) -> str:
    """The network error, else the installer's last line, in which it hides passwords of index addresses itself."""
    said = [line.strip() for line in lines if line.strip() and "build tracker" not in line]
    broken = [line for line in said if re.search(r"Could not fetch URL|Retrying|error sending request", line)]
    for line in reversed(broken):
        address = re.search(r"https?://[^\s'\")]+", " ".join([line, *said]))
        who = f"the package index at {host_of(address[0])}" if address else "the package index"
        words = failure_in_words(line, who=who)
        if words is not None:
            return f"{words} after {format_seconds(spent)}"
    for line in reversed(said):
        if re.match(r"(ERROR|error|OSError)\b", line) or line.startswith("×"):
            return line.removeprefix("ERROR: ")
    return said[-1] if said else "the installer failed without a word"


def installer_environment(environ: "os._Environ[str] | dict[str, str]", scratch: Path) -> dict[str, str]:
    """The user's environment, in which pip also understands uv's index settings and works inside `scratch`."""
    result = {name: value for name, value in environ.items() if name not in {"PIP_QUIET", "PIP_VERBOSE", "PIP_LOG"}}
    result |= {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    result |= {
        "PIP_REQUIRE_VIRTUALENV": "0",
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }
    index = result.get("UV_DEFAULT_INDEX") or result.get("UV_INDEX_URL")
    if index:
        result.setdefault("PIP_INDEX_URL", _address(index))
    extra = f"{result.get('UV_INDEX', '')} {result.get('UV_EXTRA_INDEX_URL', '')}".split()
    if extra:
        result.setdefault("PIP_EXTRA_INDEX_URL", " ".join(_address(entry) for entry in extra))
    if result.get("UV_FIND_LINKS"):
        result.setdefault("PIP_FIND_LINKS", result["UV_FIND_LINKS"].replace(",", " "))
    return result


def _address(entry: str) -> str:
    """`name=https://…` -> `https://…`."""
    return re.sub(r"^[\w-]+=(?=[a-z]+://)", "", entry)
