"""What hostile submissions of a synthetic class do, each in a few lines of Python.

None of it can raise a score, reach another item, or leave anything behind where the sandbox holds. It is bounded all
the same, so that who runs it by mistake loses a folder and no machine.
"""

from __future__ import annotations

from types import MappingProxyType

HOSTILE = MappingProxyType(
    {
        "infinite loop": """
while True:
    pass
""",
        "os._exit": """
import os
os._exit(0)
""",
        "memory hog": """
hoard = []
for _ in range(16_384):
    hoard.append(b"x" * 2**20 + bytes(len(hoard)))
""",
        "fork attempts": """
import os
for _ in range(64):
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        pass
""",
        "writes files everywhere": """
import os
for place in ("/", "/tmp", "/var/tmp", "/dev/shm", "/autograder/results", os.path.expanduser("~"), "..", "."):
    try:
        with open(os.path.join(place, "synthetic_class_was_here"), "w") as file:
            file.write("x")
    except OSError:
        pass
""",
        "huge output": """
import sys
for _ in range(256):
    print("x" * 2**20)
    print("x" * 2**20, file=sys.stderr)
""",
        "deletes its folder": """
import os
import shutil
shutil.rmtree(os.path.dirname(os.path.abspath(__file__)), ignore_errors=True)
""",
        "claims full marks": """
import json
claim = {"score": 1000, "tests": [{"name": "all", "score": 1000, "max_score": 1000, "status": "passed"}]}
print(json.dumps(claim))
print("100 passed in 0.01s")
try:
    with open("/autograder/results/results.json", "w") as file:
        json.dump(claim, file)
except OSError:
    pass
""",
        "kills its parent": """
import os
import signal
try:
    os.kill(os.getppid(), signal.SIGKILL)
except OSError:
    pass
""",
    }
)
"""Statements by what they do; they run at any indentation."""
