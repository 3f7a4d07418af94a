"""Archives: honest ones in their variety, hostile ones, damaged ones."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.submission import Submission, read_submission
from tests.pace import MOST, growth
from tests.submission.toy import CODE, fill, hand_in, make_assignment, said


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """Return a zip; ``files`` is a list of (name or ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members, mode="w:gz"):
    """Return a tar; ``members`` is a list of (TarInfo or name, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def read(tmp_path: Path, data: bytes, name: str = "hw.zip") -> Submission:
    (tmp_path / name).write_bytes(data)
    return read_submission(tmp_path / name, make_assignment(tmp_path))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("hw.zip", zipped([("vae_solution.py", CODE)])),
        ("hw.zip", zipped([("vae_solution.py", CODE)], zipfile.ZIP_STORED)),
        ("upload", zipped([("./vae_solution.py", CODE)])),
        ("hw.tar", tarred([("vae_solution.py", CODE.encode())], "w")),
        ("hw.tar.gz", tarred([("./vae_solution.py", CODE.encode())])),
        ("hw.tgz", tarred([("vae_solution.py", CODE.encode())])),
        ("hw.tar.bz2", tarred([("vae_solution.py", CODE.encode())], "w:bz2")),
    ],
)
def test_ordinary_archives_are_read(tmp_path, name, data):
    submission = read(tmp_path, data, name)
    assert submission.files["vae_solution.py"].source == CODE and submission.notices == ()


def test_folder_and_its_zip_have_one_digest(tmp_path):
    files = {"vae_solution.py": CODE, "a/notes.txt": "1"}
    by_folder = hand_in(tmp_path, files)
    by_zip = read_submission(fill(tmp_path, {"x.zip": zipped([*files.items(), ("a/", "")])}) / "x.zip", _toy(tmp_path))
    assert by_folder.digest == by_zip.digest


def _toy(tmp_path):
    return make_assignment(tmp_path / "again")


def test_backslashes_of_windows_programs_are_separators(tmp_path):
    data = zipped([("hw3/vae_solution.py", CODE)]).replace(b"hw3/", b"hw3\\")
    assert read(tmp_path, data).files["vae_solution.py"].found == "hw3/vae_solution.py"


@pytest.mark.parametrize("inner", ["hw.zip", "deep/er/hw.tar.gz"])
def test_archive_within_a_folder_and_within_an_archive(tmp_path, inner):
    content = [("vae_solution.py", CODE)]
    data = zipped(content) if inner.endswith("zip") else tarred([(n, c.encode()) for n, c in content])
    assert hand_in(tmp_path, {inner: data}).files["vae_solution.py"].found == f"{inner}/vae_solution.py"
    (tmp_path / "outer.zip").write_bytes(zipped([(inner, data)]))
    submission = read_submission(tmp_path / "outer.zip", _toy(tmp_path))
    assert submission.files["vae_solution.py"].source == CODE
    assert f"found {inner}/vae_solution.py: used it" in said(submission)


def test_archives_are_opened_two_levels_deep_and_only_where_something_is_missing(tmp_path):
    inner = zipped([("vae_solution.py", "x = 'inner'")])
    submission = hand_in(tmp_path, {"hw.zip": inner, "vae_solution.py": CODE})
    assert submission.files["vae_solution.py"].source == CODE and submission.notices == ()
    nested = zipped([("middle.zip", zipped([("hw.zip", inner)]))])
    (tmp_path / "outer.zip").write_bytes(nested)
    assert read_submission(tmp_path / "outer.zip", _toy(tmp_path)).files["vae_solution.py"].source == "x = 'inner'"
    (tmp_path / "deeper.zip").write_bytes(zipped([("outer.zip", nested)]))
    deeper = read_submission(tmp_path / "deeper.zip", make_assignment(tmp_path / "deeper"))
    assert "is an archive within archives: not opened" in deeper.instead["vae_solution.py"][0]


def link_in_zip(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


def fifo_in_zip(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFIFO | 0o644) << 16
    return info, ""


@pytest.mark.parametrize(
    ("members", "notice"),
    [
        ([("../evil.py", "x")], "../evil.py: leaves the archive's folder"),
        ([("a/../../evil.py", "x")], "a/../../evil.py: leaves the archive's folder"),
        ([("/etc/evil.py", "x")], "/etc/evil.py: leaves the archive's folder"),
        ([("C:\\evil.py", "x")], "C:/evil.py: leaves the archive's folder"),
        ([("..\\evil.py", "x")], "../evil.py: leaves the archive's folder"),
        ([link_in_zip("evil.py", "/etc/passwd")], "evil.py: is a link: not followed"),
        ([fifo_in_zip("evil.py")], "evil.py: is not a regular file"),
        ([("/".join("abcdefghijklmnop") + "/evil.py", "x")], "more than 12 folders deep"),
    ],
)
def test_refused_zip_member_is_named_and_the_rest_is_used(tmp_path, members, notice):
    submission = read(tmp_path, zipped([*members, ("vae_solution.py", CODE)]))
    assert submission.files["vae_solution.py"].source == CODE
    assert notice in said(submission) and submission.helpers == {}


@pytest.mark.parametrize(
    ("member", "notice"),
    [
        (special("evil.py", tarfile.SYMTYPE, "/etc/passwd"), "evil.py: is a link"),
        (special("evil.py", tarfile.LNKTYPE, "vae_solution.py"), "evil.py: is a link"),
        (special("evil.py", tarfile.LNKTYPE, "/etc/passwd"), "evil.py: is a link"),
        (special("evil.py", tarfile.CHRTYPE), "evil.py: is not a regular file"),
        (special("evil.py", tarfile.BLKTYPE), "evil.py: is not a regular file"),
        (special("evil.py", tarfile.FIFOTYPE), "evil.py: is not a regular file"),
        (special("/evil.py", tarfile.REGTYPE), "/evil.py: leaves the archive's folder"),
        (special("../evil.py", tarfile.REGTYPE), "../evil.py: leaves the archive's folder"),
    ],
)
def test_refused_tar_member_is_named_and_the_rest_is_used(tmp_path, member, notice):
    submission = read(tmp_path, tarred([("vae_solution.py", CODE.encode()), (member, b"")]), "hw.tar.gz")
    assert submission.files["vae_solution.py"].source == CODE
    assert notice in said(submission) and submission.helpers == {}


def test_encrypted_zip_is_an_error_that_tells_what_to_do(tmp_path):
    data = bytearray(zipped([("vae_solution.py", CODE)]))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    with pytest.raises(UserError, match=r"vae_solution\.py: is encrypted: hand in a zip without a password"):
        read(tmp_path, bytes(data))


def test_unusual_compression_is_refused(tmp_path):
    with pytest.raises(UserError, match="hand in an ordinary zip"):
        read(tmp_path, zipped([("vae_solution.py", CODE)], zipfile.ZIP_LZMA))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_last_is_used(tmp_path):
    submission = read(tmp_path, zipped([("vae_solution.py", "x = 1"), ("vae_solution.py", CODE)]))
    assert submission.files["vae_solution.py"].source == CODE
    assert "vae_solution.py: is in the archive twice: used the last one" in said(submission)


def test_clashing_cases_and_odd_names(tmp_path):
    odd = "na\u0308me\u202e\n<b>\x1b[31m.py"
    submission = read(tmp_path, zipped([("vae_solution.py", CODE), ("utils.py", "a"), ("Utils.py", "b"), (odd, "c")]))
    assert list(submission.helpers) == ["Utils.py"]
    assert "utils.py: another file stands for utils.py" in said(submission)
    assert said(submission).replace("\n", "").isprintable()


def test_surrogates_in_tar_names(tmp_path):
    info = tarfile.TarInfo(os.fsdecode(b"vae_solution\xff.py"))
    submission = read(tmp_path, tarred([(info, CODE.encode())]), "hw.tar.gz")
    assert submission.files["vae_solution.py"].found == "vae_solution\N{REPLACEMENT CHARACTER}.py"


def test_bomb_is_not_unpacked(tmp_path):
    bomb = zipped([(f"{n}.bin", bytes(15_000_000)) for n in range(20)] + [("vae_solution.py", CODE)])
    submission = read(tmp_path, bomb)
    assert submission.files["vae_solution.py"].source == CODE
    assert "more than 128 MB in all: some files were not read" in said(submission)


def test_member_that_lies_about_its_size_is_damaged(tmp_path):
    data = zipped([("evil.py", b"x" * 100_000), ("vae_solution.py", CODE)])
    data = data.replace(struct.pack("<L", 100_000), struct.pack("<L", 10))
    submission = read(tmp_path, data)
    assert submission.files["vae_solution.py"].source == CODE
    assert "evil.py: is damaged: not used" in said(submission)


def test_overlapping_members_are_no_shortcut(tmp_path):
    """Many entries of the table of contents that all point to one member of 10 MB."""
    one = zipped([("a.bin", bytes(10_000_000))])
    start = one.index(b"PK\x01\x02")
    record, end = one[start : one.index(b"PK\x05\x06")], one[one.index(b"PK\x05\x06") :]
    assignment = make_assignment(tmp_path)

    def unpack(entries: int) -> None:
        table = record * entries
        counts = struct.pack("<HHLL", entries, entries, len(table), start)
        (tmp_path / "hw.zip").write_bytes(one[:start] + table + end[:8] + counts + end[20:])
        submission = read_submission(tmp_path / "hw.zip", assignment)
        assert "more than 128 MB in all: some files were not read" in said(submission)
        assert submission.missing and len(submission.notices) <= 20

    assert growth(unpack, 50, factor=4) < 3  # all that is unpacked has a limit, which 50 entries reach


def test_table_of_contents_is_bounded(tmp_path):
    def refused(entries: int) -> None:
        table = (b"PK\x01\x02" + bytes(42)) * entries
        end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 65535, 65535, len(table), 0, 0)
        with pytest.raises(UserError, match="more than 20000 entries"):
            read(tmp_path, b"PK\x03\x04" + table + end)

    assert growth(refused, 25_000) < MOST


def test_many_members_are_cut_off_but_code_comes_first(tmp_path):
    members = [(f"data/{n:05d}.txt", "") for n in range(6000)]
    submission = read(tmp_path, zipped([*members, ("vae_solution.py", CODE)]))
    assert submission.files["vae_solution.py"].source == CODE
    assert "more than 5000 files: the rest was not looked at" in said(submission)


def test_tar_bomb_is_not_unpacked(tmp_path):
    compressor = zlib.compressobj(9, wbits=31)
    header = tarfile.TarInfo("vae_solution.py")
    header.size = len(CODE)
    big = tarfile.TarInfo("zeros.bin")
    big.size = 2**31
    parts = [header.tobuf(), CODE.encode().ljust(512, b"\0"), big.tobuf(), *([bytes(2**20)] * 300)]
    data = b"".join(compressor.compress(part) for part in parts) + compressor.flush()
    submission = read(tmp_path, data, "hw.tar.gz")
    assert submission.files["vae_solution.py"].source == CODE
    assert "it unpacks to more than 128 MB" in said(submission)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("hw.zip", b"", "damaged"),
        ("hw.zip", b"PK\x03\x04 no zip at all", "damaged"),
        ("hw.tar.gz", b"\x1f\x8b no gzip at all", "damaged"),
        ("hw.zip", zipped([("vae_solution.py", CODE)])[:-30], "damaged"),
        ("hw.zip", zipped([]), "nothing to grade in it: it is empty"),
        ("hw.zip", zipped([("../vae_solution.py", CODE)]), "leaves the archive's folder"),
        ("hw.rar", b"Rar!\x1a\x07\x00", "rar archives cannot be read; hand in a zip"),
        ("hw.7z", b"7z\xbc\xaf\x27\x1c", "7z archives cannot be read; hand in a zip"),
    ],
)
def test_hopeless_archive_is_an_error(tmp_path, name, data, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, data, name)


def test_damaged_archive_within_a_hand_in_is_a_notice(tmp_path):
    submission = hand_in(tmp_path, {"hw.zip": b"PK\x03\x04 no zip at all", "x.txt": ""})
    assert submission.missing == ("vae_solution.py",) and "hw.zip: this archive is damaged" in said(submission)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_whatever_the_damage_the_answer_is_a_submission_or_an_error_for_users(tmp_path, kind):
    random_bytes = random.Random(kind)
    members = [("vae_solution.py", CODE.encode()), ("a/utils.py", b"x = 1\n" * 50), ("n\u00e9.txt", b"\0" * 2000)]
    good = zipped(members) if kind == "zip" else tarred(members, "w" if kind == "tar" else "w:gz")
    assignment = make_assignment(tmp_path)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(random_bytes.choice([1, 1, 2, 8])):
            position = random_bytes.randrange(len(data))
            data[position] = random_bytes.choice([0, 255, data[position] ^ (1 << random_bytes.randrange(8))])
        if random_bytes.random() < 0.2:
            del data[random_bytes.randrange(len(data)) :]
        (tmp_path / f"hw.{kind}").write_bytes(data)
        try:
            assert len(read_submission(tmp_path / f"hw.{kind}", assignment).notices) <= 20
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 600


def test_long_names_are_refused(tmp_path):
    names = ["-" * 60_000 + ".py", "a/" * 600 + "x.py"]
    submission = read(tmp_path, zipped([*((name, "x") for name in names), ("vae_solution.py", CODE)]))
    assert submission.helpers == {} and said(submission).count("its name is too long") == 2


def test_files_that_only_are_archives_inside_are_not_opened(tmp_path):
    wheel = zipped([("vae_solution.py", CODE)])
    assert hand_in(tmp_path, {"engine.whl": wheel, "report.docx": wheel}).missing == ("vae_solution.py",)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_chain_of_tar_headers_is_damage(tmp_path, kind):
    header = special("x", kind)
    header.size = 10
    data = (header.tobuf() + b"13 path=abcd\n".ljust(512, b"\0")) * 5000
    with pytest.raises(UserError, match="damaged"):
        read(tmp_path, data, "hw.tar")
