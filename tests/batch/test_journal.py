"""The journal: nothing lost, nothing graded twice, whoever is killed and whoever else runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch.journal import Claim, ClassEntry, Finish, Journal, Refusal
from autograder.batch.listing import Fault, Graded, GradingStatus
from autograder.batch.process_identity import Life, this_process
from autograder.batch.result_texts import with_texts
from autograder.errors import UserError
from tests.batch.classroom import JANE, claimed, entry, graded, small_class

RUNNER = """
import sys, time
from pathlib import Path
from autograder.batch.journal import Claim, Journal, Refusal
from autograder.batch.listing import Graded, GradingStatus
from tests.batch.classroom import entry

path, count, hold_at = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
entries = [entry(f"s{n}") for n in range(count)]
with Journal.open(path) as journal:
    journal.begin("tiny", entries)
    print("begun", flush=True)
    left = entries
    while left:
        waiting = []
        for one in left:
            claim = journal.claim(one)
            if claim is Refusal.HELD:
                waiting.append(one)
            if not isinstance(claim, Claim):
                continue
            print("claimed", one.key, flush=True)
            if one.key == hold_at:
                time.sleep(600)
            time.sleep(0.002)
            print(journal.finish(claim, Graded(one.key, GradingStatus.GRADED)).name, one.key, flush=True)
        left = waiting
        time.sleep(0.01)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def run(path: Path, count: int, hold_at: str = "") -> subprocess.Popen[str]:
    """Start a process that grades a class of so many, and holds one claim for ever."""
    command = [sys.executable, "-c", RUNNER, str(path), str(count), hold_at]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def wait_for(process: subprocess.Popen[str], line: str) -> list[str]:
    """Read what a process prints until it prints this line."""
    assert process.stdout is not None
    seen = []
    for text in process.stdout:
        seen.append(text.strip())
        if seen[-1] == line:
            return seen
    raise AssertionError(f"ended without {line!r}: {seen}")


def attempts(path: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT status, attempts FROM grading").fetchall()


def test_a_grading_comes_back_as_it_was(path: Path) -> None:
    one = entry("s1", JANE)
    made = graded("s1", said="inf \N{SNOWMAN}")
    with Journal.open(path) as journal:
        journal.begin("tiny", [one])
        assert journal.known(one.submission_digest, one.grader_digest) is None
        assert journal.finish(claimed(journal, one), made) is Finish.KEPT
    with Journal.open(path, create=False) as journal:
        assert journal.known(one.submission_digest, one.grader_digest) == made
        assert journal.known(one.submission_digest, one.grader_digest, key="s2") == replace(made, key="s2")
        assert journal.known(one.submission_digest, "another grader") is None
        assert journal.listed()[0].entry == one


def test_what_is_not_unicode_is_kept_all_the_same(path: Path) -> None:
    one = entry("s\udc80", replace(JANE, name="\ud800"))
    made = graded("s\udc80", said="\ud800")
    with Journal.open(path) as journal:
        journal.begin("tiny", [one])
        journal.finish(claimed(journal, one), replace(made, why="\ud800"))
        known = journal.graded(one)
        assert journal.listed()[0].entry == one
    assert made.result is not None
    spelled_out = with_texts(made.result, lambda text: text.replace("\ud800", "\\ud800").replace("\udc80", "\\udc80"))
    assert known == replace(made, why="\\ud800", result=spelled_out)


def test_what_is_final_is_skipped_and_what_is_provisional_is_for_the_next_run(path: Path) -> None:
    final, partial = entry("s1"), entry("s2")
    with Journal.open(path) as journal:
        journal.begin("tiny", [final, partial])
        journal.finish(claimed(journal, final), graded("s1"))
        journal.finish(claimed(journal, partial), graded("s2", again="two.shift"))
        assert journal.claim(final) is Refusal.DONE
        assert journal.claim(partial) is Refusal.NEXT_RUN
    with Journal.open(path) as journal:
        journal.begin("tiny", [final, partial])
        assert journal.claim(final) is Refusal.DONE
        assert isinstance(journal.claim(partial), Claim)


def test_again_grades_all_once_more_also_after_a_kill(path: Path) -> None:
    entries = [entry("s1"), entry("s2")]
    with Journal.open(path) as journal:
        journal.begin("tiny", entries)
        for one in entries:
            journal.finish(claimed(journal, one), graded(one.key))
        journal.begin("tiny", entries, again=True)
        journal.finish(claimed(journal, entries[0]), graded("s1", (0, 0, 0)))
        assert journal.claim(entries[0]) is Refusal.DONE
    with Journal.open(path) as journal:  # the run was killed here; nobody says again
        journal.begin("tiny", entries)
        assert journal.claim(entries[0]) is Refusal.DONE
        assert journal.graded(entries[1]) == graded("s2"), "what was there is kept meanwhile"
        assert isinstance(journal.claim(entries[1]), Claim)


def test_less_than_before_is_not_kept(path: Path) -> None:
    one = entry("s1")
    failed = Graded("s1", GradingStatus.AGAIN, Fault.SYSTEM, "no memory")
    with Journal.open(path) as journal:
        for kept in (failed, graded("s1", again="two.shift"), graded("s1")):
            journal.begin("tiny", [one], again=True)
            assert journal.finish(claimed(journal, one), kept) is Finish.KEPT
        journal.begin("tiny", [one], again=True)
        assert journal.finish(claimed(journal, one), failed) is Finish.WORSE
        assert journal.graded(one) == graded("s1")
        assert journal.claim(one) is Refusal.NEXT_RUN


def test_a_grading_is_handed_over_once_and_a_lost_claim_keeps_nothing(path: Path) -> None:
    one = entry("s1")
    with Journal.open(path) as journal, Journal.open(path) as other:
        journal.begin("tiny", [one])
        other.begin("tiny", [one])
        claim = claimed(journal, one)
        assert other.claim(one) is Refusal.HELD
        assert journal.claim(one) is Refusal.HELD
        journal.release(claim)
        second = claimed(other, one)
        assert journal.finish(claim, graded("s1", (0, 0, 0))) is Finish.LOST
        assert other.finish(second, graded("s1")) is Finish.KEPT
        assert other.finish(second, graded("s1", (0, 0, 0))) is Finish.REPEATED
        assert journal.graded(one) == graded("s1")
    assert attempts(path) == [("graded", 1)]


def test_equal_bytes_are_graded_once(path: Path) -> None:
    one = entry("s1")
    copy = ClassEntry(replace(one.submission, key="s2"), one.submission_digest, one.grader_digest)
    with Journal.open(path) as journal:
        journal.begin("tiny", [one, copy])
        journal.finish(claimed(journal, one), graded("s1"))
        assert journal.claim(copy) is Refusal.DONE
        assert journal.graded(copy) == replace(graded("s1"), key="s2")


def test_where_there_is_nothing_to_grade_it_is_final_and_the_students_fault(path: Path) -> None:
    one = entry("s1", problem="an empty folder")
    with Journal.open(path) as journal:
        journal.begin("tiny", [one])
        assert journal.claim(one) is Refusal.NOTHING
        assert journal.graded(one) == Graded("s1", GradingStatus.GRADED, Fault.STUDENT, "an empty folder")
        assert journal.listed()[0].status is GradingStatus.GRADED


def test_two_processes_and_a_kill_finish_every_entry_exactly_once(path: Path) -> None:
    count = 40
    victim = run(path, count, hold_at="s5")
    wait_for(victim, "claimed s5")
    survivor = run(path, count)
    wait_for(survivor, f"KEPT s{count - 1}")
    with Journal.open(path) as journal:
        held = {one.entry.key: one.held_by for one in journal.listed() if one.held_by}
        assert held == {"s5": f"process {victim.pid} on {this_process().host}"}
    assert survivor.poll() is None, "it waits for the entry that the other has"
    victim.send_signal(signal.SIGKILL)  # not waited for: a zombie is as dead as any
    output, _ = survivor.communicate(timeout=60)
    assert output.splitlines()[-2:] == ["claimed s5", "KEPT s5"] and survivor.returncode == 0
    victim.wait()
    assert attempts(path) == [("graded", 1)] * count


def test_many_kills_lose_nothing_and_double_nothing(path: Path) -> None:
    count = 300
    victims = [run(path, count) for _ in range(3)]
    for process in victims:
        wait_for(process, "begun")
    processes = []
    for victim in victims:
        time.sleep(0.05)
        victim.kill()
        processes.append(run(path, count))
        victim.communicate()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    assert attempts(path) == [("graded", 1)] * count


def test_what_was_finished_outlives_a_kill_at_once(path: Path) -> None:
    code = RUNNER.replace("print(journal.finish", "journal.finish(claim, Graded(one.key, GradingStatus.GRADED));"
                          "import os, signal; os.kill(os.getpid(), signal.SIGKILL); print(journal.finish")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, str(path), "3", ""], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    with Journal.open(path, create=False) as journal:
        assert [one.status for one in journal.listed()] == [GradingStatus.GRADED, None, None]
        assert not any(one.held_by for one in journal.listed())


def test_a_commit_is_on_the_disk_before_it_is_over(path: Path) -> None:
    with Journal.open(path) as journal, journal._file.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert path.stat().st_mode & 0o077 == 0


def edit_claim(path: Path, **values: object) -> None:
    """Change what the one claim in a journal says of its process."""
    with sqlite3.connect(path) as connection:
        for name, value in values.items():
            connection.execute(f"UPDATE grading SET {name} = ?", (value,))


def test_a_claim_holds_while_its_process_lives_and_elsewhere_for_its_lease(path: Path) -> None:
    one, me = entry("s1"), this_process()
    past, future = time.time() - 1000, time.time() + 1000
    with Journal.open(path) as journal:
        journal.begin("tiny", [one])
        claimed(journal, one)
        edit_claim(path, expires=past)
        assert journal.claim(one) is Refusal.HELD, "a process that is stopped for a while is alive"
        edit_claim(path, host="another", expires=future)
        assert journal.claim(one) is Refusal.HELD
        edit_claim(path, host="another", expires=past)
        claimed(journal, one)
        edit_claim(path, process_started="1", expires=future)
        claimed(journal, one)  # the number was given to another process
        edit_claim(path, machine=f"an-earlier-boot {me.machine.partition(' ')[2]}", expires=future)
        claimed(journal, one)
        edit_claim(path, machine=f"{me.machine.partition(' ')[0]} pid:[1]", expires=future)
        assert journal.claim(one) is Refusal.HELD, "another container, whose processes nobody sees here"


def test_renewal_lets_a_claim_hold_longer(path: Path) -> None:
    one = entry("s1")
    with Journal.open(path) as journal, Journal.open(path) as other:
        journal.begin("tiny", [one])
        other.begin("tiny", [one])
        claimed(journal, one)
        edit_claim(path, host="another", expires=0)
        journal.renew()
        assert other.claim(one) is Refusal.HELD


def test_a_process_is_alive_until_it_has_ended() -> None:
    assert this_process().life is Life.ALIVE
    child = subprocess.Popen(["sleep", "600"])
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    identity = replace(this_process(), pid=child.pid, started=started)
    assert identity.life is Life.ALIVE
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity.life is Life.DEAD, "a zombie"
    child.wait()
    assert identity.life is Life.DEAD


def test_a_run_takes_the_class_of_an_earlier_one_and_keeps_its_gradings(path: Path) -> None:
    entries = [entry("s1"), entry("s2")]
    with Journal.open(path) as journal:
        journal.begin("tiny", entries)
        journal.finish(claimed(journal, entries[0]), graded("s1"))
        journal.begin("tiny", [entries[1]])
        assert [one.entry.key for one in journal.listed()] == ["s2"]
        journal.begin("tiny", entries)
        assert journal.claim(entries[0]) is Refusal.DONE


def test_another_assignment_is_refused(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.begin("tiny", [])
        with pytest.raises(UserError, match="holds gradings of tiny, not of other; name another folder with --out"):
            journal.begin("other", [])


def test_a_journal_is_not_used_across_a_fork(path: Path) -> None:
    with Journal.open(path) as journal:
        if (pid := os.fork()) == 0:
            try:
                journal.listed()
            except RuntimeError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_what_is_not_a_journal_is_one_clear_line(tmp_path: Path) -> None:
    text, other, newer = tmp_path / "text", tmp_path / "other", tmp_path / "newer"
    text.write_text("not a database, but text that is long enough to look at" * 40)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    Journal.open(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    refused = {
        text: "not a journal of gradings (file is not a database); name another folder",
        other: "not a journal of gradings, but another database; name another folder",
        newer: "written by another version of autograder (format 99; this one reads 1); update autograder",
        tmp_path: "cannot be opened",
        tmp_path / "nowhere" / "journal.sqlite": "cannot be opened (No such file or directory)",
    }
    for path, message in refused.items():
        with pytest.raises(UserError) as raised:
            Journal.open(path)
        assert f"{path}: {message}" in str(raised.value) and "\n" not in str(raised.value)
    with sqlite3.connect(other) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete", "left as it was"
    with pytest.raises(UserError, match="there is no journal here; name the folder that `autograder batch` wrote"):
        Journal.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_result_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    entries = small_class(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("UPDATE grading SET result = '{}'")
    with Journal.open(tmp_path / "journal.sqlite") as journal, pytest.raises(UserError, match="cannot be read; grade"):
        journal.graded(entries[0])
