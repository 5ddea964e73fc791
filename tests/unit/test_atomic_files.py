"""Files written atomically: a reader sees the old content or the new one, and an error leaves nothing beside it."""

import errno
import stat

import pytest

from litz.atomic_files import AtomicFile, write_text
from litz.errors import FileAccessError


def test_the_old_content_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with AtomicFile(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_old_content_and_no_temporary_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), AtomicFile(path) as file:
        file.write(b"half" * (1 // 0))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_may_be_made_for_its_owner_alone(tmp_path):
    with AtomicFile(tmp_path / "secret", 0o600):
        pass
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_errors_name_the_file_and_not_its_temporary_name(tmp_path):
    path = tmp_path / "absent" / "file"
    with pytest.raises(OSError) as raised, AtomicFile(path):
        pass
    assert raised.value.filename == str(path)
    with pytest.raises(OSError) as raised, AtomicFile(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "file"))


def test_text_is_written_with_its_folder_or_refused_by_name(tmp_path):
    write_text(tmp_path / "new" / "file", "Grüße\n")
    assert (tmp_path / "new" / "file").read_bytes() == "Grüße\n".encode()
    with pytest.raises(FileAccessError, match=f"cannot write {tmp_path}/new/file/below: "):
        write_text(tmp_path / "new" / "file" / "below", "text")
