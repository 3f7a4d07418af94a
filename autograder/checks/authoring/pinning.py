"""Make Hypothesis draw the same inputs everywhere: same seed, same examples, whatever else is imported.

Since 6.131 Hypothesis collects the constants written in every *local* module that is loaded (a submission's neighbour,
a student's editable install) and offers them to `st.integers()` and its relatives. With a fixed seed the inputs of a
check would then depend on what else the process imported; `pin_hypothesis` switches the collection off.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import providers

DEFAULT_EXAMPLES = 25
# Too slow: a remote call takes what it takes. Too large: images are. Nested, differing executors and fixtures: remotes
# are fixtures on purpose and restart by themselves. What stays on is `filter_too_much`, a mistake of the author.
_SUPPRESSED = tuple(check for check in HealthCheck if check is not HealthCheck.filter_too_much)


class _NoConstants:
    """An empty collection under each of the interfaces that Hypothesis has used for local constants."""

    def set_for_type(self, choice_type: object) -> tuple[()]:
        return ()

    def __getitem__(self, choice_type: object) -> tuple[()]:
        return ()

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_CONSTANTS = _NoConstants()


def _no_local_constants() -> _NoConstants:
    return _NO_CONSTANTS


def pin_hypothesis() -> None:
    """Make what Hypothesis draws depend on the seed alone; idempotent, for the rest of the process.

    Raises `RuntimeError` where this version of Hypothesis collects constants in a way that is not known here, rather
    than let the inputs drift silently.
    """
    collects = importlib.util.find_spec("hypothesis.internal.constants_ast") is not None
    if not collects:  # before 6.131
        return
    if not hasattr(providers, "_get_local_constants"):
        raise RuntimeError(
            "this version of hypothesis collects the constants of loaded modules in an unknown way, so a seed does not"
            " fix the inputs of a check; install a version between 6.130 and 6.170"
        )
    # The provider looks this global up for every example; the cache holds what was permitted of constants seen before.
    providers._get_local_constants = _no_local_constants  # type: ignore[assignment]
    providers.CONSTANTS_CACHE.cache.clear()


def settings_for(max_examples: int = DEFAULT_EXAMPLES) -> settings:
    """Return the settings of every check: nothing depends on the clock, a database, a profile or the environment.

    Raises `ValueError` for fewer than one example.
    """
    if isinstance(max_examples, bool) or not isinstance(max_examples, int) or max_examples < 1:
        raise ValueError(f"max_examples must be a whole number of at least 1, not {max_examples!r}")
    return settings(
        max_examples=max_examples,
        backend="hypothesis",
        database=None,
        deadline=None,
        derandomize=False,  # Hypothesis derandomises by itself where it thinks that it runs under CI
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=_SUPPRESSED,
    )
