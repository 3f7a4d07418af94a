"""Tasks in child processes: answers, time limits, crashes, faults."""

from __future__ import annotations

import gc
import os
import time

import pytest
import torch

from autograder.errors import UserError
from autograder.grading.grader_error import GraderError
from autograder.verify.execution.children import Handler, Lost, in_children


def prepare() -> Handler:
    return handle


def handle(task):
    if task == "hang":
        time.sleep(60)
    if task == "crash":
        os._exit(7)
    if task == "raise":
        raise ValueError("not this one")
    if task == "load":
        loader = torch.utils.data.DataLoader(list(range(4)), 2, num_workers=2)
        return [batch.tolist() for batch in loader]
    if task == "frozen":
        return gc.get_freeze_count() > 0
    if task == "misuse":
        raise UserError("mend this")
    return {"twice": task * 2}


def answers(tasks, jobs=2, seconds=30.0):
    return dict(in_children(prepare, tasks, jobs=jobs, seconds=seconds))


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_task_is_answered_under_its_number(jobs):
    assert answers([1, 2, 3, 4, 5], jobs) == {number: {"twice": 2 * (number + 1)} for number in range(5)}


def test_who_looks_on_is_told_of_every_task():
    told = []
    list(in_children(prepare, [1, 2, 3], jobs=2, seconds=30.0, progress=lambda done, all: told.append((done, all))))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_data_are_loaded_in_the_child_itself():
    assert answers(["load"]) == {0: [[0, 1], [2, 3]]}


def test_what_a_child_starts_with_is_not_looked_at_again():
    assert answers(["frozen"]) == {0: True}


def test_no_tasks_have_no_answers():
    assert answers([]) == {}


def test_a_task_that_takes_too_long_costs_itself_alone():
    found = answers(["hang", 1, 2], jobs=1, seconds=2.0)
    assert found == {0: Lost("took too long"), 1: {"twice": 2}, 2: {"twice": 4}}


def test_a_task_that_ends_its_process_costs_itself_alone():
    found = answers([1, "crash", 2], jobs=1)
    assert found == {0: {"twice": 2}, 1: Lost("ended with status 7"), 2: {"twice": 4}}


def test_what_raises_ends_everything():
    with pytest.raises(GraderError, match="not this one"):
        answers([1, "raise"])
    with pytest.raises(UserError, match="mend this"):
        answers(["misuse"])
